//! The calls of one turn, made at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::Instrument;

use super::super::durable::{CallJournal, digest};
use super::super::member::Member;
use super::super::run::{CallOutcome, spelled};
use super::super::spans;
use super::helper::Around;
use super::{Driver, SPAWN_TOOL, helper, level};
use crate::capability::SPAWN;
use crate::guard::Denial;
use crate::model::ToolCall;
use crate::store::StoreError;
use crate::tool::{Journal, Outcome};

impl Driver {
    /// Makes the calls of one turn at once, and keeps what came of them.
    pub(super) async fn dispatch(&mut self, calls: Vec<ToolCall>) -> Result<(), StoreError> {
        let mut running = JoinSet::new();
        let mut open = BTreeSet::new();
        // With those that had a result before a crash.
        let all: Vec<String> = self
            .machine
            .last_calls()
            .iter()
            .map(|call| call.id.clone())
            .collect();
        let asked = all.len();
        for call in calls {
            open.insert(call.id.clone());
            let around = Around {
                alone: asked == 1,
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
        self.keep_turn(&all).await
    }
}

async fn one(
    member: &Arc<Member>,
    call: &ToolCall,
    around: Around,
) -> (CallOutcome, Option<Denial>) {
    let helper = member.shared.helpers.get(&call.name);
    if helper.is_some() || call.name == SPAWN_TOOL || call.name == SPAWN {
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
    let arguments = spelled(arguments);
    let outcome = CallOutcome::Denied {
        kind: denial.kind().name().to_owned(),
        text: denial.for_model(),
        fingerprint: format!("{} {arguments}", denial.capability()),
    };
    (outcome, Some(denial))
}
