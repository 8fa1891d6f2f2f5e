//! Stores one agent's run, step by step.

use std::sync::Arc;

use super::open_turn::OpenTurn;
use super::record::{StateRecord, VERSION};
use super::run_store::{RunStore, canonical_line};
use crate::agent::run::Run;
use crate::id::AgentId;
use crate::store::Batch;

/// The stored values of a run that goes no further, whose agent begins another run.
#[derive(Debug)]
pub(in crate::agent) struct PreviousRun {
    messages: usize,
    /// The calls of its last turn.
    calls: Vec<String>,
}

impl PreviousRun {
    pub(in crate::agent) fn of(run: &Run) -> Self {
        let calls = run.last_calls().iter().map(|call| call.id.clone());
        Self {
            messages: run.messages().len(),
            calls: calls.collect(),
        }
    }
}

/// Stores one agent's run.
pub(in crate::agent) struct Keeper {
    run_store: Arc<RunStore>,
    agent: AgentId,
    /// How many messages are written.
    written: usize,
    /// The earlier run that this one replaces.
    previous_run: Option<PreviousRun>,
}

impl Keeper {
    pub(in crate::agent) const fn new(
        run_store: Arc<RunStore>,
        agent: AgentId,
        written: usize,
    ) -> Self {
        Self {
            run_store,
            agent,
            written,
            previous_run: None,
        }
    }

    /// A keeper for a run that replaces an earlier one.
    pub(in crate::agent) fn over(mut self, previous_run: Option<PreviousRun>) -> Self {
        self.previous_run = previous_run;
        self
    }

    /// The batch that stores the run as it stands: its state, and the messages that are new. If the batch is not
    /// committed, the run goes no further.
    pub(in crate::agent) fn state(&mut self, run: &mut Run, open_turn: Option<OpenTurn>) -> Batch {
        let record = StateRecord {
            version: VERSION,
            run: run.without_messages(),
            messages: run.messages().len(),
            open_turn,
        };
        let new = run.messages().iter().enumerate().skip(self.written);
        let batch = new.fold(self.run_store.still_owner(), |batch, (index, message)| {
            batch.put(
                self.run_store.message_key(self.agent, index),
                canonical_line(message),
            )
        });
        self.written = run.messages().len();
        let without = self.previous_run.take();
        let without = without.map(|previous| self.without(&previous));
        batch.and(without.unwrap_or_default()).put(
            self.run_store.state_key(self.agent),
            canonical_line(&record),
        )
    }

    /// The batch that removes an earlier run's calls, and its messages past those that are written.
    fn without(&self, previous: &PreviousRun) -> Batch {
        let messages = self.written..previous.messages;
        let messages = messages.fold(Batch::new(), |batch, index| {
            batch.delete(self.run_store.message_key(self.agent, index))
        });
        let calls = previous.calls.iter();
        let calls = calls.map(|call| self.run_store.forget(self.agent, call));
        calls.fold(messages, Batch::and)
    }

    /// The batch that stores the run after a turn whose calls have all ended.
    pub(in crate::agent) fn turn<'a>(
        &mut self,
        run: &mut Run,
        calls: impl IntoIterator<Item = &'a str>,
    ) -> Batch {
        let state = self.state(run, None);
        let calls = calls.into_iter();
        let calls = calls.map(|call| self.run_store.forget(self.agent, call));
        calls.fold(state, Batch::and)
    }
}
