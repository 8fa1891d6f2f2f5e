//! The turn machine: what a run waits for, and how it changes with what it is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::loops::Loops;
use super::settle::cleaned;
use super::state::{Phase, State, VERSION};
use super::text::escaped;
use super::window::window;
use super::{CallOutcome, Ended, Finished, Limits, RunError, Step};
use crate::capability::Exposure;
use crate::id::RunId;
use crate::model::{Message, OutputSchema, Request, ToolCall, ToolSpec, Usage};
use crate::text::shown;

/// One agent at its task.
///
/// It serialises whole, with a version, and is read by its version. A member that the version does not have and a
/// version that this build does not read are refused; the error names the version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Run {
    pub(super) state: State,
}

impl Run {
    /// The run of `agent`, named by its path from the root as in `lead/reader`, at `task`.
    pub fn new(id: RunId, agent: impl Into<String>, task: impl Into<String>) -> Self {
        let task = task.into();
        Self {
            state: State {
                version: VERSION,
                id,
                agent: agent.into(),
                messages: vec![Message::User { text: task.clone() }],
                task,
                system: None,
                tools: Vec::new(),
                limits: Limits::default(),
                turns: 0,
                usage: Usage::default(),
                stop: None,
                exposure: Exposure::default(),
                denials: Vec::new(),
                refusals: BTreeMap::new(),
                loops: Loops::default(),
                unmeasured: 0,
                output: None,
                unfit: 0,
                no_answers: 0,
                stalled: None,
                phase: Phase::Asking {},
            },
        }
    }

    /// The same run with this system prompt.
    #[must_use]
    pub fn with_system(mut self, text: impl Into<String>) -> Self {
        self.state.system = Some(text.into());
        self
    }

    /// The same run with these tools shown to its model. A resumed run is given them anew: its token
    /// may allow fewer.
    #[must_use]
    pub fn with_tools(mut self, tools: Vec<ToolSpec>) -> Self {
        self.state.tools = tools;
        self
    }

    /// The same run whose answer must fit a JSON schema: the model is held to it where its provider
    /// can, and the system prompt says so. The driver of the run checks the answers ([`Run::unfit`]).
    #[must_use]
    pub fn with_output(mut self, schema: OutputSchema) -> Self {
        self.state.output = Some(schema);
        self
    }

    /// The same run within these limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.state.limits = limits;
        self
    }

    /// The run's id.
    #[must_use]
    pub const fn id(&self) -> RunId {
        self.state.id
    }

    /// The agent's path from the root.
    #[must_use]
    pub fn agent(&self) -> &str {
        &self.state.agent
    }

    /// What the agent was asked to do.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.state.task
    }

    /// Completions so far.
    #[must_use]
    pub const fn turns(&self) -> u32 {
        self.state.turns
    }

    /// The calls that the last completion asked for, while none of them has a result.
    pub(in crate::agent) fn last_calls(&self) -> &[ToolCall] {
        self.state.asked()
    }

    /// Whether the last completion asked for one call and no other.
    pub(in crate::agent) fn is_only_call(&self) -> bool {
        let over = matches!(self.state.phase, Phase::Calling { over, .. } if over > 0);
        self.state.asked().len() == 1 && !over
    }

    /// The conversation so far.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.state.messages
    }

    /// What the run has read.
    #[must_use]
    pub const fn exposure(&self) -> &Exposure {
        &self.state.exposure
    }

    /// The next step. Asking for it changes nothing.
    ///
    /// A model is asked with the whole conversation while that is no longer than
    /// [`Limits::max_context_bytes`], counting the system text, the tools, and what the messages say.
    /// Past it, whole turns are left out, the oldest first: an answer of the model goes with all its
    /// results. The task is always there, with a note that turns were left out, and so is the last
    /// turn, however long. The run itself keeps every message and its exposure.
    #[must_use]
    pub fn next(&self) -> Step {
        let state = &self.state;
        if let Some((ended, text)) = self.state.end() {
            return Step::Done(self.state.finished(ended, text));
        }
        match &state.phase {
            Phase::Calling { .. } => Step::Dispatch(state.open()),
            _ => Step::AskModel(Request {
                system: state.told(),
                messages: window(state),
                tools: state.tools.clone(),
                max_output_tokens: state.limits.max_output_tokens,
                output: state.output.clone(),
            }),
        }
    }

    /// Records the outcome of one call. With the last outcome of a turn, the turn is over.
    ///
    /// Add the exposure of the outcome before, with [`Run::absorb`].
    ///
    /// # Errors
    ///
    /// When the call is not one of this run's or has an outcome, and when the run has ended.
    pub fn resolved(&mut self, call_id: &str, outcome: CallOutcome) -> Result<(), RunError> {
        if self.state.end().is_some() {
            return Err(RunError::Ended);
        }
        let is_asked = self.state.asked().iter().any(|call| call.id == call_id);
        let is_known = is_asked || self.state.call_ids().contains(call_id);
        match &self.state.phase {
            Phase::Calling { outcomes, .. } if is_asked && !outcomes.contains_key(call_id) => {
                self.take_outcome(call_id.to_owned(), outcome);
                Ok(())
            }
            _ if is_known => Err(RunError::AlreadyResolved {
                id: escaped(call_id),
            }),
            _ => Err(RunError::UnknownCall {
                id: escaped(call_id),
            }),
        }
    }

    /// As [`Run::resolved`], of a call that is open.
    pub(super) fn take_outcome(&mut self, call_id: String, outcome: CallOutcome) {
        let max = self.state.limits.max_result_bytes;
        if let Phase::Calling { outcomes, .. } = &mut self.state.phase {
            outcomes.insert(call_id, cleaned(outcome, max));
        }
        self.state.settle_if_complete();
    }

    /// Adds the exposure of something that the run has read; an exposure only grows.
    pub fn absorb(&mut self, read: &Exposure) {
        self.state.exposure.absorb(read);
    }

    /// The run as it stands, paused because of `ended`, such as a budget that has too little left;
    /// `text` says more.
    ///
    /// The run does not change, as with a used-up turn limit: with a larger budget it goes on with the same step.
    #[must_use]
    pub fn paused(&self, ended: Ended, text: &str) -> Finished {
        let text = shown(text, self.state.limits.max_result_bytes);
        self.state.finished(ended, text)
    }

    /// The stored form of the run without its messages and tools: the messages are stored apart, one value for
    /// each, and the tools are given anew.
    pub(in crate::agent) fn without_messages(&mut self) -> Value {
        let messages = std::mem::take(&mut self.state.messages);
        let tools = std::mem::take(&mut self.state.tools);
        // Plain data with string keys can always be written.
        let stored = serde_json::to_value(&self.state).unwrap_or_default();
        self.state.messages = messages;
        self.state.tools = tools;
        stored
    }

    /// The run with the messages that were stored apart.
    pub(in crate::agent) fn with_messages(
        mut stored: Value,
        messages: Vec<Value>,
    ) -> Result<Self, serde_json::Error> {
        if let Some(state) = stored.as_object_mut() {
            state.insert("messages".to_owned(), Value::Array(messages));
        }
        serde_json::from_value(stored)
    }

    /// Ends the run because its model gave no completion; `text` says why.
    ///
    /// # Errors
    ///
    /// When the run did not ask its model.
    pub fn failed(&mut self, text: impl AsRef<str>) -> Result<(), RunError> {
        self.expect_asking()?;
        self.fail(text.as_ref());
        Ok(())
    }

    /// As [`Run::failed`], of a run that asked its model.
    pub(super) fn fail(&mut self, text: &str) {
        self.state.finish(Ended::ModelFailed, text);
    }

    /// Ends the run. Open calls are recorded as stopped, and the driver must stop them.
    ///
    /// # Errors
    ///
    /// When the run has ended.
    pub fn cancel(&mut self, reason: impl AsRef<str>) -> Result<(), RunError> {
        if self.state.end().is_some() {
            return Err(RunError::Ended);
        }
        self.stop(reason.as_ref());
        Ok(())
    }

    /// As [`Run::cancel`], of a run that has not ended.
    pub(super) fn stop(&mut self, reason: &str) {
        let open = self.state.open();
        if let Phase::Calling { outcomes, .. } = &mut self.state.phase {
            let stopped =
                "the run was cancelled before this call had an outcome; it may have had an effect";
            outcomes.extend(
                open.into_iter()
                    .map(|call| (call.id, CallOutcome::Failed(stopped.to_owned()))),
            );
        }
        self.state.settle_if_complete();
        self.state.finish(Ended::Cancelled, reason);
    }

    pub(super) fn expect_asking(&self) -> Result<(), RunError> {
        match &self.state.phase {
            _ if self.state.end().is_some() => Err(RunError::Ended),
            Phase::Calling { outcomes, .. } => Err(RunError::NotAsked {
                open: self.state.asked().len().saturating_sub(outcomes.len()),
            }),
            _ => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for Run {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        State::read(deserializer).map(|state| Self { state })
    }
}
