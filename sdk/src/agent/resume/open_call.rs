//! What became of a call that was open when its process ended: it is made again, goes on, or is unknown.

use super::claim::ClaimedAgent;
use super::takeover::{Takeover, UNKNOWN};
use crate::agent::durable::{CallRecord, digest};
use crate::agent::run::{CallOutcome, OpenCall, OpenCalls};
use crate::agent::unknown::UnknownOutcome;
use crate::capability::{Exposure, SPAWN};
use crate::guard::give_back;
use crate::id::AgentId;
use crate::model::ToolCall;

/// The message for a call that is not the one that was begun.
const ALTERED: &str = "the outcome of this call is not known: it was begun as another call, so what \
                       was stored of it was altered; it is not continued";
/// The message for a spawn whose helper ended before its answer was recorded.
const UNHEARD: &str = "the helper that this call made has ended with its process or its token, and \
                       what it would have answered is not known; what it did before may have had its \
                       effect";
/// The message for a spawn that made no helper, where this build has no helper of that name.
const NO_HELPER: &str = "not made: the process ended before the helper that this call asked for was \
                         there, and this program no longer has a helper of that name";
/// The outcome that is recorded of a call that is made again.
const AGAIN: &str = "not known: the process ended before the call did; the call is made again";

impl Takeover<'_> {
    /// Determines the state of one call of a turn that is not over.
    pub(super) fn call(
        &mut self,
        agent: &mut ClaimedAgent,
        asked: OpenCall,
        open: &mut OpenCalls<'_>,
    ) {
        let call = asked.call();
        let id = agent.record.agent;
        let Some(record) = self.calls.remove(&(id.to_string(), call.id.clone())) else {
            return;
        };
        let is_same = record.digest().is_none_or(|kept| *kept == digest(call));
        let outcome = match record {
            CallRecord::Done { outcome, exposure } => {
                open.run().absorb(&exposure);
                outcome
            }
            CallRecord::Child { agent, .. } if is_same && self.living.contains(&agent) => return,
            CallRecord::Begun {
                call: begun,
                capability,
                kind,
                before,
                digest,
            } if is_same && self.may_repeat(call, &capability, kind.as_deref()) => {
                let lost = self.orchestrator.gate().audit().lost(begun, AGAIN);
                let again = match (kind, before) {
                    (Some(kind), Some(before)) => {
                        agent.before.insert(call.id.clone(), before.clone());
                        let again = CallRecord::Again {
                            digest,
                            kind,
                            before,
                        };
                        self.run_store.call(id, &call.id, &again)
                    }
                    _ => self.run_store.forget(id, &call.id),
                };
                let taken = give_back(&agent.chain, &capability);
                self.write(lost.and(again).and(taken));
                return;
            }
            CallRecord::Again { kind, before, .. }
                if is_same && self.is_tool(call, None, Some(&kind)) =>
            {
                agent.before.insert(call.id.clone(), before);
                return;
            }
            // The first attempt has an entry, and is among the calls whose outcome is not known.
            CallRecord::Again { .. } => {
                let text = if is_same { UNKNOWN } else { ALTERED };
                self.done(id, call, CallOutcome::Failed(text.to_owned()))
            }
            CallRecord::Begun { capability, .. } if is_same && capability == SPAWN => {
                self.done(id, call, CallOutcome::Failed(NO_HELPER.to_owned()))
            }
            CallRecord::Begun {
                call: begun,
                capability,
                ..
            } => {
                let text = if is_same { UNKNOWN } else { ALTERED };
                agent.unknown.push(UnknownOutcome {
                    agent: agent.record.path.clone(),
                    call: begun,
                    capability,
                });
                let lost = self.orchestrator.gate().audit().lost(begun, text);
                self.write(lost);
                self.done(id, call, CallOutcome::Failed(text.to_owned()))
            }
            CallRecord::Child { agent, .. } => {
                self.done(id, call, self.unheard(call, agent, is_same))
            }
        };
        open.resolve(asked, outcome);
    }

    /// The outcome of a call whose helper is gone. An agent that handed its task over does not get it back.
    fn unheard(&self, call: &ToolCall, child: AgentId, is_same: bool) -> CallOutcome {
        let helper = self.orchestrator.runtime.helpers.get(&call.name);
        let takes_over =
            self.takes_over.contains(&child) || helper.is_some_and(|helper| helper.takes_over);
        match (is_same, takes_over) {
            (false, _) => CallOutcome::Failed(ALTERED.to_owned()),
            (true, false) => CallOutcome::Failed(UNHEARD.to_owned()),
            (true, true) => CallOutcome::HandedOver {
                answered: false,
                text: UNHEARD.to_owned(),
            },
        }
    }

    fn done(&mut self, agent: AgentId, call: &ToolCall, outcome: CallOutcome) -> CallOutcome {
        let done = CallRecord::Done {
            outcome: outcome.clone(),
            exposure: Exposure::default(),
        };
        let done = self.run_store.call(agent, &call.id, &done);
        self.write(done);
        outcome
    }

    /// Whether a call that was begun may be made once more: a spawn that made no child, if the name is still that of
    /// a helper, or a call of the same tool, if the tool is idempotent.
    fn may_repeat(&self, call: &ToolCall, capability: &str, kind: Option<&str>) -> bool {
        match capability == SPAWN {
            true => self.orchestrator.runtime.is_spawn(&call.name),
            false => self.is_tool(call, Some(capability), kind),
        }
    }

    /// Whether what the call names is the tool that it was begun with, and may be called again. A build
    /// that changed may have another tool of that name, a helper, or nothing.
    fn is_tool(&self, call: &ToolCall, capability: Option<&str>, kind: Option<&str>) -> bool {
        if self.orchestrator.runtime.is_spawn(&call.name) {
            return false;
        }
        let toolbox = self.orchestrator.gate().toolbox();
        toolbox.find(&call.name).is_some_and(|tool| {
            tool.declaration.is_idempotent()
                && kind == Some(&*tool.kind)
                && capability.is_none_or(|capability| capability == tool.declaration.capability())
        })
    }
}
