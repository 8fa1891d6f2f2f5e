//! Tools for models that cannot call any: in words, and read back from words.

mod read;
mod render;
mod scan;

#[cfg(test)]
mod tests;

use async_trait::async_trait;

use super::{Completion, Model, ModelError, Request, StopReason};

/// A model that is told of its tools in words, and whose calls are read from its words.
///
/// For models without native calls, and for those whose server does not find the calls. The tools
/// go into the system text, calls and results into the messages. In the answer, calls are looked for
/// tolerantly: in fences (`tool_call`, `json`, without a tag), between `<tool_call>` tags, or bare;
/// one object or an array; as `name` and `arguments`, `parameters` or `input`; with words around;
/// cut short. What a call's arguments say is passed on **as it is written**, malformed, cut or with
/// a key twice, and the gate that reads it refuses it for that.
///
/// Reading generously is no risk: what is found is a proposal, as from any model, and the token
/// decides. Text that only quotes a call may be taken for one. Without tools in a request nothing is
/// added and nothing is looked for. Words are streamed once they are all there, without the calls.
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
}

impl<M> Fenced<M> {
    /// `model`, with tools in words.
    pub const fn new(model: M) -> Self {
        Self {
            model,
            max_calls: None,
        }
    }

    /// The same, and the model is held to a JSON schema ([`Request::output`]): at most `max_calls`
    /// calls, or an answer. For servers of small models that can do that, with `anyOf` at the top,
    /// such as llama.cpp's. What is none of the schema is read as without it.
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
        let (mut words, calls) = read::read(&text, &request.tools);
        if self.max_calls.is_some()
            && calls.is_empty()
            && let Some(answer) = read::answer(&text)
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
