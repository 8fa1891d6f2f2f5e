//! How a turn is recorded, and how a run ends.

use std::collections::{BTreeMap, BTreeSet};

use super::state::{Phase, State};
use super::text::fingerprint;
use super::{CallOutcome, DenialNote, Ended, Finished};
use crate::capability::Kind;
use crate::model::{Carried, Message, ToolCall};
use crate::text::shown;

impl State {
    /// How the run ended, if it has ended. A used-up turn limit is not stored: a run that is read back and
    /// given more turns goes on.
    pub(super) fn end(&self) -> Option<(Ended, String)> {
        let max = self.limits.max_turns;
        match &self.phase {
            Phase::Done { ended, text } => Some((*ended, text.clone())),
            Phase::Asking {} if self.stalled.is_some() => {
                let stalled = self.stalled.as_ref();
                stalled.map(|stalled| (stalled.ended, stalled.text.clone()))
            }
            Phase::Asking {} if self.turns >= max => Some((
                Ended::TurnLimit,
                format!("the run has used all its {max} turns without an answer"),
            )),
            _ => None,
        }
    }

    /// The system prompt.
    pub(super) fn told(&self) -> Option<String> {
        let Some(output) = &self.output else {
            return self.system.clone();
        };
        let system = self.system.as_deref().unwrap_or_default();
        let told = format!(
            "{system}\n\nThe final answer is JSON alone, without any words around it, that fits this schema: {}",
            output.schema
        );
        Some(told.trim_start().to_owned())
    }

    /// The calls of the last completion.
    pub(super) fn asked(&self) -> &[ToolCall] {
        match self.messages.last() {
            Some(Message::Assistant { calls, .. }) => calls,
            _ => &[],
        }
    }

    /// The calls of the last completion that have no outcome.
    pub(super) fn open(&self) -> Vec<ToolCall> {
        match &self.phase {
            Phase::Calling { outcomes, .. } => self
                .asked()
                .iter()
                .filter(|call| !outcomes.contains_key(&call.id))
                .cloned()
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The ids of all calls of the run.
    pub(super) fn call_ids(&self) -> BTreeSet<String> {
        let calls = self.messages.iter().flat_map(|message| match message {
            Message::Assistant { calls, .. } => calls.as_slice(),
            _ => &[],
        });
        calls.map(|call| call.id.clone()).collect()
    }

    /// Adds the model's message. An empty message is not added: no provider accepts one.
    pub(super) fn say(
        &mut self,
        text: Option<String>,
        calls: Vec<ToolCall>,
        carried: Vec<Carried>,
    ) {
        let is_said = text.as_ref().is_some_and(|text| !text.trim().is_empty());
        if is_said || !calls.is_empty() {
            self.messages.push(Message::Assistant {
                text,
                calls,
                carried,
            });
        }
    }

    /// The text about calls beyond the limit of a turn, for the model.
    pub(super) fn not_made(&self, over: usize) -> String {
        let max = self.limits.max_calls;
        format!(
            "[{over} more calls of this answer were not made: at most {max} calls are made in one turn]"
        )
    }

    /// Once every call of the turn has its outcome, takes them in the order of the calls.
    pub(super) fn settle_if_complete(&mut self) {
        let asked = self.asked().len();
        let (outcomes, over) = match &mut self.phase {
            Phase::Calling { outcomes, over } if outcomes.len() == asked => {
                (std::mem::take(outcomes), *over)
            }
            _ => return,
        };
        let calls = self.asked().to_vec();
        self.phase = Phase::Asking {};
        self.take_in(&calls, outcomes);
        if over > 0 {
            let note = self.not_made(over);
            if let Some(Message::Tool { outcome, .. }) = self.messages.last_mut() {
                // In the last result: some providers take no other message between results and answer.
                outcome.push('\n');
                outcome.push_str(&note);
            }
        }
    }

    fn take_in(&mut self, calls: &[ToolCall], mut outcomes: BTreeMap<String, CallOutcome>) {
        for call in calls {
            let Some(outcome) = outcomes.remove(&call.id) else {
                continue;
            };
            let (outcome, is_error, refusal) = match outcome {
                CallOutcome::HandedOver { answered, text } => {
                    let ended = if answered {
                        Ended::Answer
                    } else {
                        Ended::HandedOver
                    };
                    self.phase = Phase::Done { ended, text };
                    continue;
                }
                CallOutcome::Value(text) => (text, false, None),
                CallOutcome::Failed(text) => (text, true, None),
                // Inventing the same tool again and again is stopped like any other refusal.
                CallOutcome::UnknownTool(text) => {
                    let what = format!("unknown_tool {}", call.name);
                    let fingerprint = fingerprint(&what, &call.arguments);
                    (text, true, Some((fingerprint, false)))
                }
                CallOutcome::Denied {
                    kind,
                    text,
                    fingerprint,
                } => {
                    self.note_denial(call, kind, &fingerprint);
                    (text, true, Some((fingerprint, false)))
                }
                CallOutcome::Unreadable { text, fingerprint } => {
                    self.note_denial(call, Kind::Argument.name().to_owned(), &fingerprint);
                    (text, true, Some((fingerprint, true)))
                }
            };
            let ended = match refusal {
                None => self.loops.allowed(call, &outcome, &self.limits),
                Some((fingerprint, is_malformed)) => {
                    let repeated = self.repeated(fingerprint);
                    let in_a_row = match is_malformed {
                        true => self.loops.malformed(&self.limits),
                        false => self.loops.refused(&self.limits),
                    };
                    repeated.or(in_a_row)
                }
            };
            self.messages.push(Message::Tool {
                call_id: call.id.clone(),
                tool: call.name.clone(),
                outcome,
                is_error,
            });
            if let (Some((ended, text)), Phase::Asking {}) = (ended, &self.phase) {
                self.phase = Phase::Done { ended, text };
            }
        }
    }

    fn note_denial(&mut self, call: &ToolCall, kind: String, fingerprint: &str) {
        self.denials.push(DenialNote {
            turn: self.turns,
            call_id: call.id.clone(),
            tool: call.name.clone(),
            kind,
            fingerprint: fingerprint.to_owned(),
        });
    }

    /// Counts a refused call. Returns how the run ends, if the call was refused too often.
    fn repeated(&mut self, fingerprint: String) -> Option<(Ended, String)> {
        let times = self.refusals.entry(fingerprint).or_default();
        *times = times.saturating_add(1);
        let times = *times;
        (times > self.limits.max_refusals).then(|| {
            let text = format!(
                "the agent made the same call {times} times, though it was refused each time"
            );
            (Ended::Repeated, text)
        })
    }

    pub(super) fn finish(&mut self, ended: Ended, text: &str) {
        let text = shown(text, self.limits.max_result_bytes);
        self.phase = Phase::Done { ended, text };
    }

    pub(super) fn finished(&self, ended: Ended, text: String) -> Finished {
        Finished {
            ended,
            text,
            stop: self.stop,
            turns: self.turns,
            usage: self.usage,
            unmeasured: self.unmeasured,
            exposure: self.exposure.clone(),
            denials: self.denials.clone(),
        }
    }
}

/// The outcome with its text as the model will see it.
pub(in crate::agent) fn cleaned(outcome: CallOutcome, max: usize) -> CallOutcome {
    match outcome {
        CallOutcome::Value(text) => CallOutcome::Value(shown(&text, max)),
        CallOutcome::Failed(text) => CallOutcome::Failed(shown(&text, max)),
        CallOutcome::UnknownTool(text) => CallOutcome::UnknownTool(shown(&text, max)),
        CallOutcome::Unreadable { text, fingerprint } => CallOutcome::Unreadable {
            text: shown(&text, max),
            fingerprint,
        },
        // An answer, like the run's own.
        whole @ CallOutcome::HandedOver { .. } => whole,
        CallOutcome::Denied {
            kind,
            text,
            fingerprint,
        } => CallOutcome::Denied {
            kind,
            text: shown(&text, max),
            fingerprint,
        },
    }
}
