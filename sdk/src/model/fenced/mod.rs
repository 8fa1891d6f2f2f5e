//! Tools for models that cannot call any: in words, and read back from words.

mod aside;
mod calls;
mod loose;
mod render;
mod scan;
mod strict;

#[cfg(test)]
mod tests;

use async_trait::async_trait;

use super::{Completion, Model, ModelError, Request, StopReason};

/// A model that is told of its tools in words, and whose calls are read from its words.
///
/// For models without native calls, and for those whose server does not find the calls. The tools
/// go into the system text, calls and results into the messages. Without tools in a request nothing is
/// added and nothing is looked for. Words are streamed once they are all there, without the calls.
///
/// A model also writes calls that it does not make: those that it quotes from a file or a page, and those
/// that it thinks of. So a call counts only where it is **marked** as one: in a fence of `tool_call` (which
/// is what the model is told to write; `tool_calls`, `tool_code`, `tool` and `function_call` count too), or
/// after `<tool_call>`, `<function_call>`, `[TOOL_CALLS]` or `<|python_tag|>`. The mark stands at the
/// beginning of a line, outside of thinking (`<think>` and its like), of quotes (`>`, `<blockquote>`,
/// `<code>`, `<tool_response>`), of other fences and of indented code. Where an answer has no mark, it is a
/// call in two cases only: what follows the thinking is calls and nothing else; or the answer ends with a
/// fence, of JSON or of no language, that holds calls and nothing else and that no colon introduces.
///
/// A call is one object or an array; with `name` and `arguments`, `parameters` or `input`; it may be cut
/// short. What its arguments say is passed on **as it is written**, malformed, cut or with a key twice, and
/// the gate that reads it refuses it for that.
///
/// ```
/// # use bailiwick::model::scripted::{ScriptedModel, say};
/// # use bailiwick::model::{Fenced, Message, Model, Request, ToolSpec};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = ScriptedModel::new([say(
/// #     "I look.\n```json\n{\"name\": \"fs_read\", \"arguments\": {\"path\": \"/srv/a.md\"}}\n```",
/// # )]);
/// let model = Fenced::new(local);
/// let mut request = Request::new([Message::User { text: "read a.md".to_owned() }]);
/// request.tools = vec![ToolSpec::new("fs_read", "Read a file.", serde_json::json!({}))];
/// let completion = model.generate(&request).await?;
/// assert_eq!(completion.calls[0].arguments, r#"{"path": "/srv/a.md"}"#);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Fenced<M> {
    model: M,
    max_calls: Option<usize>,
    is_loose: bool,
}

impl<M> Fenced<M> {
    /// Wraps `model`, which is told of its tools in words.
    pub const fn new(model: M) -> Self {
        Self {
            model,
            max_calls: None,
            is_loose: false,
        }
    }

    /// The same, and every object in the answer that looks like a call is one, also where the model only
    /// quotes it or thinks of it, and with any words around it.
    ///
    /// The author of a text that the model reads can then make calls, if the model quotes the text. The token
    /// still decides on each call. Use it for models that do not mark their calls, with tools that do no harm.
    #[must_use]
    pub const fn danger_loose(mut self) -> Self {
        self.is_loose = true;
        self
    }

    /// The same, and the model is held to a JSON schema ([`Request::output`]): at most `max_calls`
    /// calls, or an answer. Use it for servers of small models that support a schema with `anyOf` at the top,
    /// such as llama.cpp's. An answer that does not fit the schema is read as if there were no schema.
    #[must_use]
    pub const fn with_schema(mut self, max_calls: usize) -> Self {
        self.max_calls = Some(max_calls);
        self
    }
}

#[async_trait]
impl<M: Model> Model for Fenced<M> {
    async fn generate(&self, request: &Request) -> Result<Completion, ModelError> {
        if request.tools.is_empty() {
            return self.model.generate(request).await;
        }
        let asked = render::in_words(request, self.max_calls);
        let mut completion = self.model.generate(&asked).await?;
        let Some(text) = completion.text.take() else {
            return Ok(completion);
        };
        let read = if self.is_loose {
            loose::read
        } else {
            strict::read
        };
        let (mut words, calls) = read(&text, &request.tools);
        if self.max_calls.is_some()
            && calls.is_empty()
            && let Some(answer) = calls::answer(&text)
        {
            words = answer;
        }
        completion.calls.extend(calls);
        completion.text = Some(words).filter(|words| !words.is_empty());
        if !completion.calls.is_empty() && completion.stop == StopReason::End {
            completion.stop = StopReason::ToolCalls;
        }
        Ok(completion)
    }

    fn name(&self) -> &str {
        self.model.name()
    }
}
