//! How an agent's task begins and ends.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::AgentCore;
use crate::agent::durable::CallRecord;
use crate::agent::run::{CallOutcome, cleaned};
use crate::capability::Exposure;
use crate::guard::{BudgetSlots, Revocable};
use crate::id::Timestamp;
use crate::record::EventKind;
use crate::store::{Batch, Committed, StoreError};

impl AgentCore {
    /// Records that the agent got its token, together with the batch of `extra`.
    ///
    /// # Errors
    ///
    /// When the store cannot be written. An agent that cannot be recorded does not begin.
    pub(in crate::agent) async fn begin(
        &self,
        now: Timestamp,
        extra: Batch,
    ) -> Result<Committed, StoreError> {
        let parent = self.parent.as_ref().map(|parent| parent.held.chain());
        let entry = self
            .runtime
            .gate
            .audit()
            .hop(&self.path, self.held.chain(), parent, now);
        let store = self.runtime.gate.guard().store();
        let committed = store.commit(extra.and(entry)).await;
        if let (Err(error), Some(run_store)) = (&committed, &self.run_store) {
            // Whether it was written is not known: the tree goes on from what the store holds.
            run_store.not_persisted(error);
        }
        let committed = committed?;
        let scope = self
            .held
            .chain()
            .hops()
            .last()
            .map(|hop| hop.bounds.lines())
            .unwrap_or_default();
        self.emit(EventKind::Spawned { scope });
        Ok(committed)
    }

    /// Why the whole tree has stopped, if it has: something of it could not be stored.
    pub(in crate::agent) fn stopped(&self) -> Option<&str> {
        self.run_store
            .as_ref()
            .and_then(|run_store| run_store.stopped())
    }

    /// Ends the task of a run that came to its end, with its last state and what its parent's model is
    /// told. If the run is stored, the end is recorded first: an end that cannot be recorded does not
    /// take place, and the task is left for the process that resumes the run.
    pub(in crate::agent) async fn finish(&self, how: &str, last: Option<Last>) {
        if self.run_store.is_none() {
            if self.end(how) {
                self.record_end(how, last).await;
            }
            return;
        }
        if self.stopped().is_some() || self.has_ended() {
            return self.suspend();
        }
        match self.record_end(how, last).await {
            true => drop(self.end_here(how)),
            false => self.suspend(),
        }
    }

    /// Ends the task: the token is revoked at once, and with it the whole subtree. Returns whether this call
    /// was the first to end it, so that the end is to be recorded.
    ///
    /// In a tree that has stopped, the task does not end: it is left as it stands.
    pub(in crate::agent) fn end(&self, how: &str) -> bool {
        if self.stopped().is_some() {
            self.suspend();
            return false;
        }
        self.end_here(how)
    }

    fn end_here(&self, how: &str) -> bool {
        if self.ended.swap(true, Ordering::AcqRel) {
            return false;
        }
        let chain = self.held.chain();
        let ended = [
            Revocable::Block(chain.id()),
            Revocable::Agent(self.path.clone()),
        ];
        let revocations = self.runtime.gate.guard().revocations();
        revocations.revoke_until(ended, chain.expires());
        self.cancel.cancel();
        self.give_slot_back();
        self.emit(EventKind::Ended {
            how: how.to_owned(),
        });
        true
    }

    /// Whether the task is over in this process, or was left for a process that resumes it.
    pub(in crate::agent) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Leaves the task as it stands, for a process that resumes it: its token is not revoked, and this
    /// agent does nothing more.
    pub(in crate::agent) fn suspend(&self) {
        if !self.ended.swap(true, Ordering::AcqRel) {
            self.cancel.cancel();
            self.give_slot_back();
        }
    }

    fn give_slot_back(&self) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.take();
        let mut name = self.name.lock().unwrap_or_else(PoisonError::into_inner);
        name.take();
    }

    /// Records the end; with the last state of its run, and what its parent's model is told of it. Returns whether
    /// it was recorded: if the store cannot be written, the failure is logged, and a tree that is stored stops.
    pub(in crate::agent) async fn record_end(&self, how: &str, last: Option<Last>) -> bool {
        let time = self.runtime.gate.guard().now().ok();
        let entry = self
            .runtime
            .gate
            .audit()
            .ended(&self.path, self.held.chain(), how, time);
        let guard = self.runtime.gate.guard();
        // Its children may be in other processes. Its path is revoked in this process alone: the
        // next process gives the path to another agent.
        let still_owner = self
            .run_store
            .as_ref()
            .map(|run_store| run_store.still_owner());
        let mut extra = still_owner
            .unwrap_or_default()
            .and(guard.revoke_ended(self.held.chain()))
            .and(BudgetSlots::of(self.held.chain()).give_back());
        if let Some(run_store) = &self.run_store {
            if let Some((state, outcome, exposure)) = last {
                extra = extra.and(state);
                if let (Some(call), Some(parent)) = (&self.call, self.parent_id()) {
                    let done = CallRecord::Done {
                        outcome: cleaned(outcome, self.parent_result_bytes()),
                        exposure,
                    };
                    extra = extra.and(run_store.call(parent, call, &done));
                }
            }
            // Last: what is written before it expects the head as it was.
            extra = extra.and(run_store.ended(self.record(), how, guard.now().ok()));
        }
        // If another process owns the run, only the end of the task is recorded: this process may not revoke
        // the token.
        let recorded = guard.record_with(entry, extra).await;
        if let Err(error) = &recorded {
            tracing::error!(%error, agent = %self.path, "the end of an agent could not be recorded");
            if let Some(run_store) = &self.run_store {
                run_store.not_persisted(error);
            }
        }
        recorded.is_ok()
    }

    fn parent_result_bytes(&self) -> usize {
        let parent = self.parent.as_ref();
        parent
            .map_or(self.limits, |parent| parent.limits)
            .max_result_bytes
    }
}

/// The last state of a run, the text for its parent's model, and the exposure of that text.
type Last = (Batch, CallOutcome, Exposure);
