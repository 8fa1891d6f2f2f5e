//! The calls of one turn: what only looks is made at once, anything else alone and in order.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::Instrument;

use super::super::durable::{CallJournal, digest};
use super::super::member::Member;
use super::super::run::{CallOutcome, fingerprint};
use super::super::spans;
use super::helper::Around;
use super::{Driver, SPAWN_TOOL, helper, level};
use crate::capability::{Kind, SPAWN};
use crate::guard::{Denial, Effect};
use crate::model::ToolCall;
use crate::store::StoreError;
use crate::tool::{Journal, Outcome};

/// Which calls of a turn may be made at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Together {
    /// With others that only look: the call changes nothing.
    Looks,
    /// With other helpers that were asked for beside it.
    Helps,
    /// With no other call.
    Alone,
}

impl Driver {
    /// Makes the calls of one turn in the model's order, and keeps what came of them.
    ///
    /// Calls that only look and stand beside each other are made at once, and so are helpers; any other
    /// call waits for those before it and is waited for by those after it.
    pub(super) async fn dispatch(&mut self, calls: Vec<ToolCall>) -> Result<(), StoreError> {
        // With those that had a result before a crash.
        let all: Vec<String> = self
            .machine
            .last_calls()
            .iter()
            .map(|call| call.id.clone())
            .collect();
        let alone = self.machine.is_only_call();
        for (number, group) in in_order(&self.member, calls).into_iter().enumerate() {
            if number > 0 {
                self.expect_mine().await?;
            }
            if self.member.cancel.is_cancelled() {
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
        self.keep_turn(&all).await
    }

    /// Makes these calls at once.
    async fn make(&mut self, calls: Vec<ToolCall>, alone: bool) {
        let mut running = JoinSet::new();
        let mut open = BTreeSet::new();
        for call in calls {
            open.insert(call.id.clone());
            let around = Around {
                alone,
                child: self.awaited.remove(&call.id),
                wanted: self.wanted.clone(),
            };
            let member = self.member.clone();
            let span = spans::call(&member, &call);
            let made = async move {
                let (outcome, denial) = one(&member, &call, around).await;
                spans::called(&outcome);
                (call.id, outcome, denial)
            };
            running.spawn(made.instrument(span));
        }
        while let Some(joined) = running.join_next().await {
            let Ok((id, outcome, denial)) = joined else {
                continue;
            };
            self.denials.extend(denial);
            open.remove(&id);
            let situation = self.member.situation();
            self.machine.absorb(
                situation.taint.unwrap_or_default(),
                level(situation.sensitivity),
            );
            let _ = self.machine.resolved(&id, outcome);
        }
        for id in open {
            let stopped = "the call was stopped before it had a result".to_owned();
            let _ = self.machine.resolved(&id, CallOutcome::Failed(stopped));
        }
    }
}

/// The calls in their order, those together that may be made at once.
fn in_order(member: &Member, calls: Vec<ToolCall>) -> Vec<Vec<ToolCall>> {
    let mut groups: Vec<(Together, Vec<ToolCall>)> = Vec::new();
    for call in calls {
        let kind = together(member, &call);
        match groups.last_mut() {
            Some((before, group)) if *before == kind && kind != Together::Alone => group.push(call),
            _ => groups.push((kind, vec![call])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn together(member: &Member, call: &ToolCall) -> Together {
    if is_spawn(member, call) {
        return Together::Helps;
    }
    let entry = member.shared.gate.toolbox().find(&call.name);
    match entry.map(|entry| entry.declaration.effect()) {
        // A tool that does not exist does nothing.
        None | Some(Effect::Read) => Together::Looks,
        Some(_) => Together::Alone,
    }
}

fn is_spawn(member: &Member, call: &ToolCall) -> bool {
    call.name == SPAWN_TOOL || call.name == SPAWN || member.shared.helpers.contains_key(&call.name)
}

async fn one(
    member: &Arc<Member>,
    call: &ToolCall,
    around: Around,
) -> (CallOutcome, Option<Denial>) {
    if is_spawn(member, call) {
        let helper = member.shared.helpers.get(&call.name);
        return helper::spawn(member, call, helper, around).await;
    }
    let journal = journal(member, call);
    match member.call(&call.name, &call.arguments, journal).await {
        Outcome::Value { value, .. } => (CallOutcome::of(Ok(&value)), None),
        Outcome::Failed { error, .. } => (CallOutcome::of(Err(&error)), None),
        Outcome::UnknownTool(name) => {
            let text = format!("there is no tool `{name}`; call only those that you were given");
            (CallOutcome::UnknownTool(text), None)
        }
        Outcome::Denied(denial) => refused(denial, &call.arguments),
        Outcome::Pending(pending) => refused(pending.missing, &call.arguments),
    }
}

/// What keeps a call of a tool, where the run is kept.
fn journal(member: &Arc<Member>, call: &ToolCall) -> Option<Arc<dyn Journal>> {
    let tree = member.tree.clone()?;
    let entry = member.shared.gate.toolbox().find(&call.name)?;
    let declared = &entry.declaration;
    Some(Arc::new(CallJournal {
        tree,
        agent: member.id,
        id: call.id.clone(),
        digest: digest(call),
        capability: declared.capability().to_owned(),
        taint: declared.taints.clone(),
        sensitivity: level(declared.sensitivity),
        max_bytes: member.limits.max_result_bytes,
    }))
}

pub(super) fn refused(denial: Denial, arguments: &str) -> (CallOutcome, Option<Denial>) {
    let text = denial.for_model();
    let fingerprint = fingerprint(denial.capability(), arguments);
    // No block of the token spoke: what was written is no value of the tool's arguments.
    let is_unreadable = denial.kind() == Kind::Argument && denial.hop().is_none();
    let outcome = match is_unreadable {
        true => CallOutcome::Unreadable { text, fingerprint },
        false => CallOutcome::Denied {
            kind: denial.kind().name().to_owned(),
            text,
            fingerprint,
        },
    };
    (outcome, Some(denial))
}
