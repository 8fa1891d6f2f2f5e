//! Drives a run: asks the model, makes the calls of a turn at once, and ends the task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::budget;
use super::handle::Agent;
use super::member::{Member, denied, line};
use super::report::{Report, RunFailed};
use super::run::{CallOutcome, Ended, Finished, Run, Step};
use super::spawn::SpawnError;
use crate::capability::{Kind, Refusal, SPAWN, Scope, Sensitivity, canonical};
use crate::guard::Denial;
use crate::id::RunId;
use crate::model::{Completion, Model, Request, ToolCall, ToolSpec, Usage};
use crate::record::EventKind;
use crate::tool::Outcome;

/// The name that a model spawns by.
const SPAWN_TOOL: &str = "agent_spawn";

type Running = Pin<Box<dyn Future<Output = Result<Report, RunFailed>> + Send>>;

/// Runs an agent until it ends. Boxed, since a run may contain the runs of its helpers.
pub(super) fn run(agent: Agent, task: String) -> Running {
    Box::pin(until_it_ends(agent, task))
}

async fn until_it_ends(agent: Agent, task: String) -> Result<Report, RunFailed> {
    let member = agent.member.clone();
    member.set_task(&task);
    member.learn_from_parents();
    let mut machine = Run::new(RunId::fresh(), &member.path, &task)
        .with_tools(shown(&member))
        .with_limits(member.limits);
    if let Some(system) = &member.system {
        machine = machine.with_system(system.clone());
    }
    let known = member.situation();
    machine.absorb(known.taint.unwrap_or_default(), level(known.sensitivity));
    let mut denials = Vec::new();
    let finished = drive(&member, &mut machine, &mut denials).await;
    let how = match finished.ended {
        Ended::Answer => "answer",
        Ended::TurnLimit => "turn limit",
        Ended::Repeated => "repeated denials",
        Ended::Cancelled => "cancelled",
        Ended::Budget => "out of budget",
        _ => "failed",
    };
    member.teach_parent();
    if member.end(how) {
        member.record_end(how).await;
    }
    Report::new(member.path.clone(), finished, denials)
}

/// The tools that the agent's token could ever allow.
fn shown(member: &Member) -> Vec<ToolSpec> {
    let chain = member.held.chain();
    let mut tools = member.shared.gate.toolbox().shown(chain);
    if chain.could(SPAWN) {
        let parameters = json!({
            "type": "object",
            "properties": {
                "role": { "type": "string", "description": "the role of the helper" },
                "task": { "type": "string", "description": "what the helper shall do" },
                "scope": { "type": "object", "description": "what the helper may do: {\"grants\": [{\"tool\": …, \"args\": {…}}]}" },
            },
            "required": ["role", "task", "scope"],
            "additionalProperties": false,
        });
        tools.push(ToolSpec::new(
            SPAWN_TOOL,
            "Start a helper with some of your own authority; its answer is the result.",
            parameters,
        ));
    }
    tools
}

async fn drive(member: &Arc<Member>, machine: &mut Run, denials: &mut Vec<Denial>) -> Finished {
    let mut turn = 0;
    loop {
        if member.cancel.is_cancelled() {
            // A run that has ended already stays as it ended.
            let _ = machine.cancel("the task was cancelled");
        }
        let told = match machine.next() {
            Step::Done(finished) => return finished,
            Step::AskModel(request) => {
                turn += 1;
                member.emit(EventKind::Thinking { turn });
                match ask(member, request).await {
                    Ok(completion) => machine.completed(completion),
                    Err(NoTurn::Cancelled) => machine.cancel("the task was cancelled"),
                    Err(NoTurn::Failed(text)) => machine.failed(text),
                    Err(NoTurn::Budget(text)) => {
                        member.emit(EventKind::Paused { why: text.clone() });
                        return machine.paused(&text);
                    }
                }
            }
            Step::Dispatch(calls) => {
                dispatch(member, machine, calls, denials).await;
                Ok(())
            }
        };
        if let Err(error) = told {
            // The steps above answer what `next` asked, so the machine refuses none of them.
            let _ = machine.failed(error.to_string());
        }
    }
}

/// Why there is no completion.
enum NoTurn {
    /// A budget has too little left for it, in words.
    Budget(String),
    /// The model, or what it needs, failed.
    Failed(String),
    /// The agent was cancelled meanwhile.
    Cancelled,
}

async fn ask(member: &Member, mut request: Request) -> Result<Completion, NoTurn> {
    let Some(model) = &member.model else {
        return Err(NoTurn::Failed(format!(
            "the role `{}` has no model; give the orchestrator or the spawn one",
            member.role
        )));
    };
    let turn = budget::begin(member, &mut request).await;
    let turn = turn.map_err(|denial| match denial.kind() {
        Kind::Budget => NoTurn::Budget(denial.to_string()),
        _ => NoTurn::Failed(denial.to_string()),
    })?;
    let completion = tokio::select! {
        completion = model.generate(&request) => completion,
        // What it costs that is not waited for is not known: all that was taken stays taken.
        () = member.cancel.cancelled() => return Err(NoTurn::Cancelled),
    };
    let usage = completion
        .as_ref()
        .map_or(Usage::default(), |answer| answer.usage);
    turn.settle(member, usage).await;
    completion.map_err(|error| NoTurn::Failed(error.to_string()))
}

/// Makes the calls of one turn at once.
async fn dispatch(
    member: &Arc<Member>,
    machine: &mut Run,
    calls: Vec<ToolCall>,
    denials: &mut Vec<Denial>,
) {
    let mut running = JoinSet::new();
    let mut open: Vec<String> = Vec::with_capacity(calls.len());
    for call in calls {
        open.push(call.id.clone());
        let member = member.clone();
        running.spawn(async move {
            let (outcome, denial) = one(&member, &call).await;
            (call.id, outcome, denial)
        });
    }
    while let Some(joined) = running.join_next().await {
        let Ok((id, outcome, denial)) = joined else {
            continue;
        };
        denials.extend(denial);
        open.retain(|waiting| *waiting != id);
        let situation = member.situation();
        machine.absorb(
            situation.taint.unwrap_or_default(),
            level(situation.sensitivity),
        );
        let _ = machine.resolved(&id, outcome);
    }
    for id in open {
        let _ = machine.resolved(
            &id,
            CallOutcome::Failed("the call was stopped before it had a result".to_owned()),
        );
    }
}

/// Sensitivity as the machine keeps it: 0 is nothing known.
fn level(sensitivity: Option<Sensitivity>) -> u8 {
    sensitivity.map_or(0, |level| level.rank() + 1)
}

async fn one(member: &Arc<Member>, call: &ToolCall) -> (CallOutcome, Option<Denial>) {
    if call.name == SPAWN_TOOL || call.name == SPAWN {
        return spawn(member, &call.arguments).await;
    }
    match member.call(&call.name, &call.arguments).await {
        Outcome::Value {
            value: Value::String(text),
            ..
        } => (CallOutcome::Value(text), None),
        Outcome::Value { value, .. } => (CallOutcome::Value(value.to_string()), None),
        Outcome::Failed { error, .. } => (CallOutcome::Failed(error.to_string()), None),
        Outcome::UnknownTool(name) => {
            let text = format!("there is no tool `{name}`; call only those that you were given");
            (CallOutcome::UnknownTool(text), None)
        }
        Outcome::Denied(denial) => refused(denial, &call.arguments),
        Outcome::Pending(pending) => refused(pending.missing, &call.arguments),
    }
}

fn refused(denial: Denial, arguments: &str) -> (CallOutcome, Option<Denial>) {
    // The same arguments in another order or spacing are the same call.
    let arguments = canonical::read(arguments)
        .map_or_else(|_| arguments.to_owned(), |value| canonical::write(&value));
    let outcome = CallOutcome::Denied {
        kind: denial.kind().name().to_owned(),
        text: denial.for_model(),
        fingerprint: format!("{} {arguments}", denial.capability()),
    };
    (outcome, Some(denial))
}

/// A helper that the model asked for: spawned and run like any other, its answer the result.
async fn spawn(member: &Arc<Member>, arguments: &str) -> (CallOutcome, Option<Denial>) {
    let (role, task, scope) = match read(arguments) {
        Ok(read) => read,
        Err(refusal) => {
            let denial = Denial::new(&member.path, SPAWN, refusal);
            member.record_unreadable(&denial).await;
            member.emit(denied(&denial, line(arguments)));
            return refused(denial, arguments);
        }
    };
    let spawned = super::spawn::Spawn::new(member.clone(), role)
        .scope(scope)
        .await;
    let error = match spawned {
        Ok(child) => {
            return match child.run(task).await {
                Ok(report) => (CallOutcome::Value(report.text().to_owned()), None),
                Err(failed) => {
                    // Its words are the operator's: they may name limits, or hold a provider's.
                    tracing::warn!(%failed, "a helper ended without an answer");
                    (CallOutcome::Failed(failed.for_model()), None)
                }
            };
        }
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
