//! The calls that an agent makes, and the events of them.

use std::sync::Arc;

use super::AgentCore;
use crate::guard::{Denial, Presented};
use crate::id::CallId;
use crate::record::EventKind;
use crate::tool::{Entry, Journal, Outcome};

impl AgentCore {
    /// Records a spawn whose arguments cannot be read.
    pub(in crate::agent) async fn record_unreadable(&self, denial: &Denial) {
        let guard = self.runtime.gate.guard();
        let now = guard.now().unwrap_or_default();
        let context = self.spawn_context(now);
        let gate = &self.runtime.gate;
        let held = Presented::Held(&self.held);
        gate.record_undecided(held, &context, denial).await;
    }

    /// Calls a tool that was looked up before, and reports it; the error is a name that no tool has.
    pub(in crate::agent) async fn call(
        &self,
        tool: Result<&Entry, &str>,
        arguments: &str,
        journal: Option<Arc<dyn Journal>>,
    ) -> Outcome {
        let situation = self.situation();
        let of_tree = || {
            self.run_store
                .clone()
                .map(|run_store| run_store as Arc<dyn Journal>)
        };
        let gate = &self.runtime.gate;
        let mut call = gate
            .call_found(&self.held, tool, arguments, &situation)
            .cancelled_by(&self.cancel);
        if let Some(journal) = journal.or_else(of_tree) {
            call = call.journal(journal);
        }
        let outcome = call.await;
        let shown = line(arguments);
        // The tool as the model named it is not a capability, though it often reads like one.
        let capability = tool.map_or_else(|name| name, |entry| entry.declaration.capability());
        let called = |call: CallId, error: Option<String>| EventKind::Called {
            call,
            capability: capability.to_owned(),
            arguments: shown.clone(),
            error,
        };
        if let (Outcome::Value { .. } | Outcome::Failed { .. }, Ok(entry)) = (&outcome, tool) {
            // A failure has a text too, which may come from what the tool has read.
            self.absorb(&entry.declaration.exposure);
        }
        let kind = match &outcome {
            Outcome::Value { call, .. } => called(*call, None),
            Outcome::Failed { call, error } => {
                called(*call, Some(cut(&error.to_string(), LONGEST_DETAIL)))
            }
            Outcome::Denied(denial) => denied(denial, shown),
            Outcome::Pending(pending) => denied(&pending.missing, shown),
            Outcome::UnknownTool(name) => EventKind::Denied {
                capability: line(name),
                arguments: shown,
                kind: crate::capability::Kind::UnknownTool,
                hop: None,
                detail: "there is no such tool".to_owned(),
            },
        };
        self.emit(kind);
        if let Outcome::Denied(denial) = &outcome {
            self.stops_at(denial);
        }
        outcome
    }

    /// Whether the call could not be decided, and the run is stored: then the whole tree stops, and the process that
    /// resumes it asks again.
    pub(in crate::agent) fn stops_at(&self, denial: &Denial) -> bool {
        match &self.run_store {
            Some(run_store) if denial.is_outage() => {
                run_store.stop(format!(
                    "the run stops, and can be resumed: {}",
                    denial.detail()
                ));
                true
            }
            _ => false,
        }
    }

    pub(in crate::agent) fn emit(&self, kind: EventKind) {
        let time = self.runtime.gate.guard().now().ok();
        self.runtime
            .events
            .emit(time, &self.path, &self.held.chain().id(), kind);
    }
}

pub(in crate::agent) fn denied(denial: &Denial, arguments: String) -> EventKind {
    EventKind::Denied {
        capability: crate::text::printable(denial.capability()),
        arguments,
        kind: denial.kind(),
        hop: denial.hop(),
        detail: cut(denial.detail(), LONGEST_DETAIL),
    }
}

/// The most characters of a detail in an event.
const LONGEST_DETAIL: usize = 1000;

/// Arguments cut to a line.
pub(in crate::agent) fn line(text: &str) -> String {
    cut(text, 160)
}

/// The first characters of a text, on one line and with nothing that hides or moves.
fn cut(text: &str, longest: usize) -> String {
    let plain = |letter| match letter {
        '\n' | '\r' | '\t' => ' ',
        letter => letter,
    };
    let start: String = text.chars().map(plain).take(longest).collect();
    let mut shown = crate::text::printable(&start);
    if text.chars().nth(longest).is_some() {
        shown.push('…');
    }
    shown
}
