//! The calls of one turn: calls that only read are made at the same time, every other call alone and in order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::Instrument;

use super::super::core::AgentCore;
use super::super::durable::{CallJournal, Seen, digest};
use super::super::run::{CallOutcome, OpenCall, OpenCalls};
use super::super::unknown::UnknownOutcome;
use super::continuation::Continuation;
use super::helper::{self, Around};
use super::made::{MadeCall, refused};
use super::spans;
use super::state::Work;
use crate::guard::Effect;
use crate::model::ToolCall;
use crate::record::EventKind;
use crate::tool::{Entry, Journal, Outcome};

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

/// A call of a turn, with the tool that it names: it is looked up once.
struct Planned {
    call: OpenCall,
    /// `None` for a helper, and where no tool has the name.
    tool: Option<Entry>,
}

impl Work {
    /// Makes the calls of one turn in the model's order, and stores their outcomes.
    ///
    /// Adjacent calls that only read are made at the same time, and so are adjacent helpers; any other call waits
    /// for those before it, and those after it wait for it.
    pub(super) async fn dispatch(&mut self, calls: Vec<OpenCall>, mut open: OpenCalls<'_>) {
        let run = open.run();
        // Calls that had a result before a crash are counted too.
        let all: Vec<String> = run
            .last_calls()
            .iter()
            .map(|call| call.id.clone())
            .collect();
        let alone = run.is_only_call();
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
                for Planned { call, .. } in group {
                    let stopped = "not made: the run was cancelled before this call".to_owned();
                    open.resolve(call, CallOutcome::Failed(stopped));
                }
                continue;
            }
            self.make(group, alone, &mut open).await;
        }
        if self.core.stopped().is_none() {
            self.keep_turn(open.run(), &all).await;
        }
    }

    /// Makes these calls at the same time.
    async fn make(&mut self, calls: Vec<Planned>, alone: bool, open: &mut OpenCalls<'_>) {
        let mut running = JoinSet::new();
        let mut made = BTreeMap::new();
        for Planned { call: asked, tool } in calls {
            let call = asked.call().clone();
            made.insert(call.id.clone(), asked);
            let around = Around {
                alone,
                tool,
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
            let Ok((id, ended)) = joined else {
                continue;
            };
            // Where the tree has stopped, the call stays open.
            let (Some(asked), Some(ended)) = (made.remove(&id), ended) else {
                continue;
            };
            self.denials.extend(ended.denial);
            self.add_unknown(ended.unknown);
            open.run().absorb(&self.core.exposure());
            open.resolve(asked, ended.outcome);
        }
        for asked in made.into_values() {
            let stopped = "the call was stopped before it had a result".to_owned();
            open.resolve(asked, CallOutcome::Failed(stopped));
        }
    }
}

/// The calls in their order, grouped where they may be made at the same time.
fn in_order(
    core: &AgentCore,
    awaited: &HashMap<String, Continuation>,
    calls: Vec<OpenCall>,
) -> Vec<Vec<Planned>> {
    let mut groups: Vec<(Together, Vec<Planned>)> = Vec::new();
    for call in calls {
        let asked = call.call();
        let helps = awaited.contains_key(&asked.id) || core.runtime.is_spawn(&asked.name);
        let tool = match helps {
            true => None,
            false => core.runtime.gate.toolbox().find(&asked.name).cloned(),
        };
        let kind = match (helps, &tool) {
            (true, _) => Together::Helps,
            (false, Some(tool)) if tool.declaration.effect() != Effect::Read => Together::Alone,
            // A tool that does not exist does nothing.
            (false, _) => Together::Looks,
        };
        let planned = Planned { call, tool };
        match groups.last_mut() {
            Some((before, group)) if *before == kind && kind != Together::Alone => {
                group.push(planned);
            }
            _ => groups.push((kind, vec![planned])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
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
        None => tool(core, call, around).await,
    };
    // The outcome is reported when the run is resumed, if it was stored.
    core.stopped().is_none().then_some(made)
}

/// Calls a tool.
async fn tool(core: &Arc<AgentCore>, call: &ToolCall, around: Around) -> MadeCall {
    let tool = around.tool.as_ref();
    let journal = tool.and_then(|tool| journal(core, call, tool, around.before));
    let stored = journal.clone().map(|journal| journal as Arc<dyn Journal>);
    let tool = tool.ok_or(call.name.as_str());
    match core.call(tool, &call.arguments, stored).await {
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
    tool: &Entry,
    before: Option<String>,
) -> Option<Arc<CallJournal>> {
    let run_store = core.run_store.clone()?;
    let declared = &tool.declaration;
    Some(Arc::new(CallJournal {
        store: core.runtime.gate.guard().store().clone(),
        kind: tool.kind.to_string(),
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
