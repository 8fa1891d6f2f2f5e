//! How a run records what its model says.

use std::collections::BTreeMap;

use super::answer::{NoAnswer, no_answer};
use super::calls::{told_once, with_unique_ids};
use super::state::{Phase, Stalled};
use super::{Ended, Run, RunError};
use crate::model::{Completion, Message};
use crate::text::shown;

impl Run {
    /// Records what the model answered: its calls are open from here on, or the run is over.
    ///
    /// Of a completion that was cut short, refused or filtered no call is made; the model is told why, and
    /// asked again. The same holds for an empty completion. After
    /// [`Limits::max_corrections`](crate::agent::Limits::max_corrections) of those in a row the run is paused until
    /// [`Run::again`].
    ///
    /// Two equal calls with one id are one call. Calls beyond [`Limits::max_calls`](crate::agent::Limits::max_calls) are not
    /// kept; the model is told how many there were, with the last result of the turn.
    ///
    /// # Errors
    ///
    /// When the run did not ask its model.
    pub fn completed(&mut self, completion: Completion) -> Result<(), RunError> {
        self.expect_asking()?;
        self.hear(completion);
        Ok(())
    }

    /// As [`Run::completed`], of a run that asked its model.
    pub(super) fn hear(&mut self, completion: Completion) {
        self.count(&completion);
        if let Some(why) = no_answer(&completion) {
            self.ask_again(completion.text, why);
            return;
        }
        let used = self.state.call_ids();
        let state = &mut self.state;
        state.no_answers = 0;
        let is_final = completion.calls.is_empty();
        let mut calls = told_once(completion.calls);
        let over = calls.len().saturating_sub(state.limits.max_calls);
        calls.truncate(state.limits.max_calls);
        let calls = with_unique_ids(calls, state.turns, used);
        if is_final {
            state.phase = Phase::Done {
                ended: Ended::Answer,
                text: completion.text.clone().unwrap_or_default(),
            };
            state.say(completion.text, calls, completion.carried);
        } else if calls.is_empty() {
            let text = state.not_made(over);
            state.say(completion.text, calls, Vec::new());
            state.messages.push(Message::User { text });
        } else {
            let outcomes = BTreeMap::new();
            state.phase = Phase::Calling { outcomes, over };
            state.say(completion.text, calls, completion.carried);
        }
    }

    /// Records an answer that is not what was asked for, and `why`, which the model is told. After
    /// [`Limits::max_corrections`](crate::agent::Limits::max_corrections) of them the run ends.
    ///
    /// # Errors
    ///
    /// When the run did not ask its model.
    pub fn unfit(&mut self, completion: Completion, why: &str) -> Result<(), RunError> {
        self.expect_asking()?;
        self.hear_unfit(completion, why);
        Ok(())
    }

    /// As [`Run::unfit`], of a run that asked its model.
    pub(super) fn hear_unfit(&mut self, completion: Completion, why: &str) {
        self.count(&completion);
        let max = self.state.limits.max_result_bytes;
        let state = &mut self.state;
        state.no_answers = 0;
        state.unfit = state.unfit.saturating_add(1);
        state.say(completion.text, Vec::new(), completion.carried);
        let why = shown(why, max);
        if state.unfit > state.limits.max_corrections {
            let text = format!(
                "the last of {} answers is not what was asked for: {why}",
                state.unfit
            );
            state.finish(Ended::Unfit, &text);
        } else {
            let text =
                format!("That is not what was asked for: {why}. Answer again, with JSON alone.");
            state.messages.push(Message::User { text });
        }
    }

    /// Counts a completion and what it cost.
    fn count(&mut self, completion: &Completion) {
        let state = &mut self.state;
        state.turns = state.turns.saturating_add(1);
        state.stop = Some(completion.stop);
        match completion.usage {
            Some(usage) => state.usage = state.usage.plus(usage),
            None => state.unmeasured = state.unmeasured.saturating_add(1),
        }
    }

    /// Tells the model that what it said is not an answer; the run stops at the last of too many.
    fn ask_again(&mut self, text: Option<String>, why: NoAnswer) {
        let max = self.state.limits.max_result_bytes;
        let state = &mut self.state;
        state.no_answers = state.no_answers.saturating_add(1);
        // The provider's values belong to the whole turn, and only its words are left.
        state.say(text, Vec::new(), Vec::new());
        state.messages.push(Message::User { text: why.told });
        if state.no_answers > state.limits.max_corrections {
            let text = format!(
                "the last of {} completions in a row is not an answer: {}",
                state.no_answers, why.why
            );
            state.stalled = Some(Stalled {
                ended: why.ended,
                text: shown(&text, max),
            });
        }
    }

    /// The same run without its pause: a run that stopped because its model gave no answer asks it once more.
    #[must_use]
    pub fn again(mut self) -> Self {
        if self.state.stalled.take().is_some() {
            self.state.no_answers = 0;
        }
        self
    }
}
