//! A model that follows a script, for tests, examples and worst cases.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use super::{Completion, Message, Model, ModelError, Request, StopReason, ToolCall, Usage};

mod obey;

/// A model that answers from a script.
///
/// Clones share the script: each turn is given once, to whichever agent asks first. Agents that run
/// side by side have a model each, or share one made with [`ScriptedModel::from_fn`], which goes by
/// the request alone.
///
/// ```
/// use bailiwick::model::scripted::{ScriptedModel, call, calls, say};
/// use serde_json::json;
///
/// let model = ScriptedModel::new([
///     call("fs.read", json!({"path": "/srv/docs/a.md"})),
///     calls([call("fs.list", json!({})), call("fs.read", json!({"path": "/srv/docs/b.md"}))]),
///     say("two documents"),
/// ]);
/// # let _ = model;
/// ```
#[derive(Clone)]
pub struct ScriptedModel {
    script: Arc<Mutex<Script>>,
    obeys: bool,
}

enum Script {
    Turns { left: VecDeque<Turn>, given: usize },
    Function(Box<dyn FnMut(&Request) -> Turn + Send>),
}

impl ScriptedModel {
    /// A model that gives these turns, one for each request; past the last turn every request fails.
    pub fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self::from_script(Script::Turns {
            left: turns.into_iter().collect(),
            given: 0,
        })
    }

    /// A model that answers with what `answer` makes of the request: a [`Turn`] or a [`Completion`].
    ///
    /// The function is called by one agent at a time.
    pub fn from_fn<F, T>(mut answer: F) -> Self
    where
        F: FnMut(&Request) -> T + Send + 'static,
        T: Into<Turn>,
    {
        Self::from_script(Script::Function(Box::new(move |request| {
            answer(request).into()
        })))
    }

    /// The worst case: a model with no aim of its own that does what the texts it reads tell it to,
    /// and then says `done`. See [`ScriptedModel::obeying`].
    #[must_use]
    pub fn obedient() -> Self {
        Self::from_fn(|_| say("done")).obeying()
    }

    /// The same model, obeying the texts that it reads before it goes on with its script.
    ///
    /// A line of the system text, of a message to the model or of a tool's output that contains
    ///
    /// ```text
    /// AGENT: call <tool> <json object>
    /// ```
    ///
    /// is obeyed: one a turn, in the order of the conversation, the object passed on as it is
    /// written. In an output that is JSON, the strings within are read as text too. A line that
    /// comes up again in a later message is not obeyed again, so a file that orders its own reading
    /// does not make a loop; the same line twice in one message is obeyed twice. What was obeyed is told from
    /// the conversation, so clones and resumed runs know it.
    #[must_use]
    pub fn obeying(mut self) -> Self {
        self.obeys = true;
        self
    }

    fn from_script(script: Script) -> Self {
        Self {
            script: Arc::new(Mutex::new(script)),
            obeys: false,
        }
    }

    fn scripted(&self, request: &Request) -> Turn {
        // A function that panicked in another agent's turn does not stop this one.
        match &mut *self.script.lock().unwrap_or_else(PoisonError::into_inner) {
            Script::Function(answer) => answer(request),
            Script::Turns { left, given } => match left.pop_front() {
                Some(turn) => {
                    *given += 1;
                    turn
                }
                None => fail(ModelError::permanent(format!(
                    "the script has ended: all its {given} turns were given; add a turn, or end with `say`"
                ))),
            },
        }
    }
}

#[async_trait]
impl Model for ScriptedModel {
    async fn generate(&self, request: &Request) -> Result<Completion, ModelError> {
        let order = if self.obeys {
            obey::next_order(request)
        } else {
            None
        };
        let turn = match order {
            Some((tool, arguments)) => call_raw(tool, arguments),
            None => self.scripted(request),
        };
        let mut completion = turn.0?;
        // Ids come from the place in the conversation, so that they do not depend on which of
        // several agents asked first.
        let nth = request
            .messages
            .iter()
            .filter(|m| matches!(m, Message::Assistant { .. }))
            .count()
            + 1;
        for (index, call) in completion.calls.iter_mut().enumerate() {
            if call.id.is_empty() {
                call.id = format!("scripted-{nth}-{index}");
            }
        }
        Ok(completion)
    }

    fn name(&self) -> &str {
        "scripted"
    }
}

impl fmt::Debug for ScriptedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedModel")
            .field("obeys", &self.obeys)
            .finish_non_exhaustive()
    }
}

/// One turn of a script: words, calls, or a failure. It costs nothing unless [`Turn::costing`] says what;
/// a [`Completion`] that is made a turn costs what it says.
#[derive(Clone, Debug)]
pub struct Turn(Result<Completion, ModelError>);

impl Turn {
    /// The same turn with these words beside its calls.
    #[must_use]
    pub fn saying(self, text: impl Into<String>) -> Self {
        Self(self.0.map(|completion| completion.with_text(text)))
    }

    /// The same turn at this cost.
    #[must_use]
    pub fn costing(self, usage: Usage) -> Self {
        Self(self.0.map(|completion| completion.with_usage(usage)))
    }

    /// The same turn, whose cost the provider does not say.
    #[must_use]
    pub fn costing_unknown(self) -> Self {
        Self(self.0.map(|mut completion| {
            completion.usage = None;
            completion
        }))
    }
}

impl From<Completion> for Turn {
    fn from(completion: Completion) -> Self {
        Self(Ok(completion))
    }
}

/// A turn that ends the run with these words.
pub fn say(text: impl Into<String>) -> Turn {
    Turn(Ok(Completion::answer(text).with_usage(Usage::default())))
}

/// A turn that calls one tool.
pub fn call(tool: impl Into<String>, arguments: Value) -> Turn {
    call_raw(tool, arguments.to_string())
}

/// A turn that calls one tool with argument text that need not be JSON, or not one value only:
/// `{"a":1,"a":2}`.
pub fn call_raw(tool: impl Into<String>, arguments: impl Into<String>) -> Turn {
    let call = ToolCall::new("", tool, arguments);
    Turn(Ok(Completion::calling([call]).with_usage(Usage::default())))
}

/// A turn that makes the calls of all these turns at once; the first failure among them wins.
pub fn calls(turns: impl IntoIterator<Item = Turn>) -> Turn {
    let all: Result<Vec<Completion>, ModelError> = turns.into_iter().map(|turn| turn.0).collect();
    Turn(all.map(|all| {
        let mut one = Completion::default()
            .with_stop(StopReason::ToolCalls)
            .with_usage(Usage::default());
        for each in all {
            one.text = one.text.or(each.text);
            // Of a sum with an unknown part nothing is known.
            one.usage = one.usage.zip(each.usage).map(|(sum, cost)| sum.plus(cost));
            one.carried.extend(each.carried);
            one.calls.extend(each.calls);
        }
        one
    }))
}

/// A turn in which the model fails.
#[must_use]
pub const fn fail(error: ModelError) -> Turn {
    Turn(Err(error))
}

#[cfg(test)]
mod tests;
