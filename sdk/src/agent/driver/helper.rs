//! A helper that a model asks for.

use std::sync::Arc;

use serde_json::Value;

use super::super::durable::Resumed;
use super::super::member::{Member, denied, line};
use super::super::run::CallOutcome;
use super::super::spawn::{Spawn, SpawnError};
use super::calls::refused;
use crate::capability::{Kind, Refusal, SPAWN, Scope, canonical};
use crate::guard::Denial;
use crate::model::ToolCall;

/// Spawns and runs it like any other, its answer the result; or goes on with the one that this call
/// made before a crash.
pub(super) async fn spawn(
    member: &Arc<Member>,
    call: &ToolCall,
    child: Option<Resumed>,
) -> (CallOutcome, Option<Denial>) {
    let arguments = &call.arguments;
    let (role, task, scope) = match read(arguments) {
        Ok(read) => read,
        Err(refusal) => {
            let denial = Denial::new(&member.path, SPAWN, refusal);
            member.record_unreadable(&denial).await;
            member.emit(denied(&denial, line(arguments)));
            return refused(denial, arguments);
        }
    };
    if let Some(child) = child {
        return (answer(super::go_on(child, &task, None)).await, None);
    }
    let spawned = Spawn::new(member.clone(), role)
        .scope(scope)
        .asked_by(call)
        .await;
    let error = match spawned {
        Ok(child) => return (answer(super::run(child, task, None)).await, None),
        Err(error) => error,
    };
    let denial = match error {
        SpawnError::Denied(denial) => *denial,
        SpawnError::Pending(pending) => pending.missing,
        SpawnError::Widens(widens) => Denial::new(
            &member.path,
            SPAWN,
            Refusal::new(Kind::Widens, widens.to_string()),
        ),
        other => return (CallOutcome::Failed(other.to_string()), None),
    };
    member.emit(denied(&denial, line(arguments)));
    refused(denial, arguments)
}

async fn answer(running: super::Running) -> CallOutcome {
    let report = running.await;
    if let Err(failed) = &report {
        // Its words are the operator's: they may name limits, or hold a provider's.
        tracing::warn!(%failed, "a helper ended without an answer");
    }
    CallOutcome::answer(&report)
}

fn read(arguments: &str) -> Result<(String, String, Scope), Refusal> {
    let wrong = |what: String| Refusal::new(Kind::Argument, what);
    let mut given = canonical::read_object(arguments).map_err(|error| wrong(error.to_string()))?;
    let mut text = |name: &str| match given.remove(name) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(wrong(format!("`{name}` must be given, as a string"))),
    };
    let (role, task) = (text("role")?, text("task")?);
    let scope = given
        .remove("scope")
        .ok_or_else(|| wrong("`scope` must be given".to_owned()))?;
    if let Some(stray) = given.keys().next() {
        return Err(wrong(format!("`{stray}` is no argument of a spawn")));
    }
    let scope = Scope::from_value(&scope).map_err(|error| wrong(format!("scope: {error}")))?;
    Ok((role, task, scope))
}
