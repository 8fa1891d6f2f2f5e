//! The calls of one turn: calls that only read are made at the same time, every other call alone and in order.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::Instrument;

use super::super::core::AgentCore;
use super::super::durable::{CallJournal, Seen, digest};
use super::super::run::CallOutcome;
use super::super::unknown::UnknownOutcome;
use super::continuation::Continuation;
use super::helper::{self, Around};
use super::made::{MadeCall, refused};
use super::spans;
use super::state::Driver;
use crate::guard::Effect;
use crate::model::ToolCall;
use crate::record::EventKind;
use crate::tool::{Journal, Outcome};

/// Which calls of a turn may be made at the same time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Together {
    /// With other calls that only read: the call changes nothing.
    Looks,
    /// With other helpers that were asked for beside it.
    Helps,
    /// With no other call.
    Alone,
}

impl Driver {
    /// Makes the calls of one turn in the model's order, and stores their outcomes.
    ///
    /// Adjacent calls that only read are made at the same time, and so are adjacent helpers; any other call waits
    /// for those before it, and those after it wait for it.
    pub(super) async fn dispatch(&mut self, calls: Vec<ToolCall>) {
        // Calls that had a result before a crash are counted too.
        let all: Vec<String> = self
            .machine
            .last_calls()
            .iter()
            .map(|call| call.id.clone())
            .collect();
        let alone = self.machine.is_only_call();
        let groups = in_order(&self.core, &self.awaited, calls);
        for (number, group) in groups.into_iter().enumerate() {
            if number > 0 {
                self.expect_still_owner().await;
            }
            // The remaining calls are made when the run is resumed.
            if self.core.stopped().is_some() {
                return;
            }
            if self.core.cancel.is_cancelled() {
                for call in group {
                    let stopped = "not made: the run was cancelled before this call".to_owned();
                    let _ = self
                        .machine
                        .resolved(&call.id, CallOutcome::Failed(stopped));
                }
                continue;
            }
            self.make(group, alone).await;
        }
        if self.core.stopped().is_none() {
            self.keep_turn(&all).await;
        }
    }

    /// Makes these calls at the same time.
    async fn make(&mut self, calls: Vec<ToolCall>, alone: bool) {
        let mut running = JoinSet::new();
        let mut open = BTreeSet::new();
        for call in calls {
            open.insert(call.id.clone());
            let around = Around {
                alone,
                child: self.awaited.remove(&call.id),
                before: self.before.remove(&call.id),
                format: self.format.clone(),
            };
            let core = self.core.clone();
            let span = spans::call(&core, &call);
            let made = async move {
                let made = one(&core, &call, around).await;
                if let Some(made) = &made {
                    spans::called(&made.outcome);
                }
                (call.id, made)
            };
            running.spawn(made.instrument(span));
        }
        while let Some(joined) = running.join_next().await {
            let Ok((id, made)) = joined else {
                continue;
            };
            open.remove(&id);
            let Some(made) = made else {
                continue;
            };
            self.denials.extend(made.denial);
            self.add_unknown(made.unknown);
            self.machine.absorb(&self.core.exposure());
            let _ = self.machine.resolved(&id, made.outcome);
        }
        for id in open {
            let stopped = "the call was stopped before it had a result".to_owned();
            let _ = self.machine.resolved(&id, CallOutcome::Failed(stopped));
        }
    }
}

/// The calls in their order, grouped where they may be made at the same time.
fn in_order(
    core: &AgentCore,
    awaited: &HashMap<String, Continuation>,
    calls: Vec<ToolCall>,
) -> Vec<Vec<ToolCall>> {
    let mut groups: Vec<(Together, Vec<ToolCall>)> = Vec::new();
    for call in calls {
        let kind = match awaited.contains_key(&call.id) {
            true => Together::Helps,
            false => together(core, &call),
        };
        match groups.last_mut() {
            Some((before, group)) if *before == kind && kind != Together::Alone => group.push(call),
            _ => groups.push((kind, vec![call])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn together(core: &AgentCore, call: &ToolCall) -> Together {
    if core.runtime.is_spawn(&call.name) {
        return Together::Helps;
    }
    let entry = core.runtime.gate.toolbox().find(&call.name);
    match entry.map(|entry| entry.declaration.effect()) {
        // A tool that does not exist does nothing.
        None | Some(Effect::Read) => Together::Looks,
        Some(_) => Together::Alone,
    }
}

/// Makes a call; the result is `None` where the tree has stopped, and the call stays open.
async fn one(core: &Arc<AgentCore>, call: &ToolCall, around: Around) -> Option<MadeCall> {
    let made = match around.child {
        // It was begun as a helper, and goes on as a helper, even if this build has a tool of that name.
        Some(child) => helper::go_on(call, child, around.format).await,
        None if core.runtime.is_spawn(&call.name) => {
            let helper = core.runtime.helpers.get(&call.name);
            helper::spawn(core, call, helper, around).await
        }
        None => tool(core, call, around.before).await,
    };
    // The outcome is reported when the run is resumed, if it was stored.
    core.stopped().is_none().then_some(made)
}

/// Calls a tool. `before` is the state of what the call was about to change, if the call was begun before a crash.
async fn tool(core: &Arc<AgentCore>, call: &ToolCall, before: Option<String>) -> MadeCall {
    let journal = journal(core, call, before);
    let kept = journal.clone().map(|journal| journal as Arc<dyn Journal>);
    match core.call(&call.name, &call.arguments, kept).await {
        Outcome::Value { value, .. } => CallOutcome::of(Ok(&value)).into(),
        Outcome::Failed { call, error } => {
            let mut made = MadeCall::from(CallOutcome::of(Err(&error)));
            if let Some(journal) = journal.filter(|journal| journal.is_unknown()) {
                let capability = journal.capability.clone();
                core.emit(EventKind::Unknown {
                    call,
                    capability: capability.clone(),
                });
                made.unknown
                    .push(UnknownOutcome::of(&core.path, call, capability));
            }
            made
        }
        Outcome::UnknownTool(name) => {
            let text = format!("there is no tool `{name}`; call only those that you were given");
            CallOutcome::UnknownTool(text).into()
        }
        Outcome::Denied(denial) => refused(denial, &call.arguments),
        Outcome::Pending(pending) => refused(pending.missing, &call.arguments),
    }
}

/// The journal for a call of a tool, if the run is stored.
fn journal(
    core: &Arc<AgentCore>,
    call: &ToolCall,
    before: Option<String>,
) -> Option<Arc<CallJournal>> {
    let run_store = core.run_store.clone()?;
    let entry = core.runtime.gate.toolbox().find(&call.name)?;
    let declared = &entry.declaration;
    Some(Arc::new(CallJournal {
        store: core.runtime.gate.guard().store().clone(),
        kind: entry.kind.to_string(),
        before,
        seen: Seen::default(),
        run_store,
        agent: core.id,
        id: call.id.clone(),
        digest: digest(call),
        capability: declared.capability().to_owned(),
        exposure: declared.exposure.clone(),
        max_bytes: core.limits.max_result_bytes,
    }))
}
