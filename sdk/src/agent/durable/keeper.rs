//! Keeps one agent's run, step by step.

use std::sync::Arc;

use super::asking::Asking;
use super::record::{StateRecord, VERSION};
use super::tree::{Tree, line};
use crate::agent::run::Run;
use crate::id::AgentId;
use crate::store::Batch;

/// What is kept of a run that goes no further, where its agent begins another.
#[derive(Debug)]
pub(in crate::agent) struct Before {
    messages: usize,
    /// The calls of its last turn.
    calls: Vec<String>,
}

impl Before {
    pub(in crate::agent) fn of(run: &Run) -> Self {
        let calls = run.last_calls().iter().map(|call| call.id.clone());
        Self {
            messages: run.messages().len(),
            calls: calls.collect(),
        }
    }
}

/// Keeps one agent's run.
pub(in crate::agent) struct Keeper {
    tree: Arc<Tree>,
    agent: AgentId,
    /// How many messages are written.
    written: usize,
    /// What this run is written over.
    before: Option<Before>,
}

impl Keeper {
    pub(in crate::agent) const fn new(tree: Arc<Tree>, agent: AgentId, written: usize) -> Self {
        Self {
            tree,
            agent,
            written,
            before: None,
        }
    }

    /// Of a run that takes the place of another.
    pub(in crate::agent) fn over(mut self, before: Option<Before>) -> Self {
        self.before = before;
        self
    }

    /// The run as it stands: its state, and the messages that are new. To be committed, or the run
    /// goes no further.
    pub(in crate::agent) fn state(&mut self, run: &mut Run, asking: Option<Asking>) -> Batch {
        let record = StateRecord {
            version: VERSION,
            run: run.without_messages(),
            messages: run.messages().len(),
            asking,
        };
        let new = run.messages().iter().enumerate().skip(self.written);
        let batch = new.fold(self.tree.mine(), |batch, (index, message)| {
            batch.put(self.tree.message_key(self.agent, index), line(message))
        });
        self.written = run.messages().len();
        let batch = match self.before.take() {
            Some(before) => self.without(batch, &before),
            None => batch,
        };
        batch.put(self.tree.state_key(self.agent), line(&record))
    }

    fn without(&self, batch: Batch, before: &Before) -> Batch {
        let messages = (self.written..before.messages).fold(batch, |batch, index| {
            batch.delete(self.tree.message_key(self.agent, index))
        });
        let forget = |batch: Batch, call: &String| batch.and(self.tree.forget(self.agent, call));
        before.calls.iter().fold(messages, forget)
    }

    /// The run as it stands after a turn whose calls have all ended.
    pub(in crate::agent) fn turn<'a>(
        &mut self,
        run: &mut Run,
        calls: impl IntoIterator<Item = &'a str>,
    ) -> Batch {
        let state = self.state(run, None);
        calls.into_iter().fold(state, |batch, call| {
            batch.and(self.tree.forget(self.agent, call))
        })
    }
}
