//! A helper that a model asks for: by `agent.spawn` with a scope of its own, or by the name of one that
//! code described.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::core::{AgentCore, denied, line};
use super::super::helper::Helper;
use super::super::report::{Report, RunFailed};
use super::super::run::CallOutcome;
use super::super::spawn::{Spawn, SpawnError};
use super::super::typed::AnswerFormat;
use super::continuation::Continuation;
use super::made::{MadeCall, refused};
use crate::capability::{Kind, Refusal, SPAWN, Scope, canonical};
use crate::guard::Denial;
use crate::model::ToolCall;
use crate::record::EventKind;
use crate::tool::Entry;

/// The helper and the task that a call asks for.
pub(super) struct Asked {
    helper: Helper,
    task: String,
}

impl Asked {
    /// Reads a call of `agent.spawn`, or of the helper.
    fn read(helper: Option<&Helper>, arguments: &str) -> Result<Self, Refusal> {
        let mut given = Given::read(arguments)?;
        let asked = match helper {
            Some(helper) => Self {
                helper: helper.clone(),
                task: given.text("task")?,
            },
            None => Self {
                task: given.text("task")?,
                helper: Helper::new(given.text("role")?, "").scope(given.scope()?),
            },
        };
        given.nothing_more()?;
        Ok(asked)
    }

    fn spawn(&self, core: &Arc<AgentCore>, call: &ToolCall) -> Spawn {
        let role = self.helper.role().to_owned();
        Spawn::new(core.clone(), role).asked_by(call, &self.helper, &self.task)
    }
}

/// The arguments of such a call.
struct Given(Map<String, Value>);

impl Given {
    fn read(arguments: &str) -> Result<Self, Refusal> {
        canonical::read_object(arguments)
            .map(Self)
            .map_err(|error| wrong(error.to_string()))
    }

    fn text(&mut self, name: &str) -> Result<String, Refusal> {
        match self.0.remove(name) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(wrong(format!("`{name}` must be given, as a string"))),
        }
    }

    fn scope(&mut self) -> Result<Scope, Refusal> {
        let scope = self.0.remove("scope");
        let scope = scope.ok_or_else(|| wrong("`scope` must be given".to_owned()))?;
        Scope::from_value(&scope).map_err(|error| wrong(format!("scope: {error}")))
    }

    fn nothing_more(&self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            Some(stray) => Err(wrong(format!("`{stray}` is not an argument of a spawn"))),
            None => Ok(()),
        }
    }
}

fn wrong(what: String) -> Refusal {
    Refusal::new(Kind::Argument, what)
}

/// What the turn knows of such a call.
pub(super) struct Around {
    /// Whether it is the only call of its turn.
    pub(super) alone: bool,
    /// The tool that it names; `None` for a helper, and where no tool has the name.
    pub(super) tool: Option<Entry>,
    /// The helper that it made before a crash, if it made one.
    pub(super) child: Option<Continuation>,
    /// The state of what a tool was about to change, if the call was begun before a crash.
    pub(super) before: Option<String>,
    /// What the answer of the whole run must look like.
    pub(super) format: Option<AnswerFormat>,
}

/// Continues the helper that a call made before a crash; the helper's answer is the result.
///
/// The record of the helper says whether it took its parent's task over. Only the task is read from the call, for a
/// helper that had not begun to run: both ways to spawn name it alike.
pub(super) async fn go_on(
    call: &ToolCall,
    child: Continuation,
    format: Option<AnswerFormat>,
) -> MadeCall {
    let takes_over = child.agent.core.takes_over;
    let task = Given::read(&call.arguments).and_then(|mut given| given.text("task"));
    let task = task.unwrap_or_default();
    // The agent that takes the task over must give the answer that was asked for.
    let format = format.filter(|_| takes_over);
    ended(&super::go_on(child, &task, format).await, takes_over)
}

/// Spawns and runs the helper like any child; its answer is the result.
pub(super) async fn spawn(
    core: &Arc<AgentCore>,
    call: &ToolCall,
    helper: Option<&Helper>,
    around: Around,
) -> MadeCall {
    let arguments = &call.arguments;
    let asked = match Asked::read(helper, arguments) {
        Ok(asked) => asked,
        Err(refusal) => {
            let denial = Denial::new(&core.path, SPAWN, refusal);
            core.record_unreadable(&denial).await;
            core.emit(denied(&denial, line(arguments)));
            return refused(denial, arguments);
        }
    };
    let takes_over = asked.helper.takes_over;
    if takes_over && !around.alone {
        let text =
            "not made: a task is handed over by the only call of a turn; make the others first";
        return CallOutcome::Failed(text.to_owned()).into();
    }
    // The agent that takes the task over must give the answer that was asked for.
    let format = around.format.filter(|_| takes_over);
    let child = match asked.spawn(core, call).await {
        Ok(child) => child,
        Err(error) => return no_child(core, error, arguments),
    };
    if takes_over {
        core.emit(EventKind::HandedOver {
            to: child.path().to_owned(),
        });
    }
    let report = super::run(child, asked.task, format).await;
    ended(&report, takes_over)
}

/// The outcome of a call whose helper has ended.
fn ended(report: &Result<Report, RunFailed>, takes_over: bool) -> MadeCall {
    let of = match report {
        Ok(report) => report,
        Err(failed) => {
            // Its text is for the operator: it may name limits, or hold a provider's text.
            tracing::warn!(%failed, "a helper ended without an answer");
            failed.report()
        }
    };
    MadeCall {
        unknown: of.unknown().to_vec(),
        ..MadeCall::from(CallOutcome::answer(report, takes_over))
    }
}

fn no_child(core: &AgentCore, error: SpawnError, arguments: &str) -> MadeCall {
    let denial = match error {
        SpawnError::Denied(denial) => *denial,
        SpawnError::Pending(pending) => pending.missing,
        SpawnError::Widens(widens) => Denial::new(
            &core.path,
            SPAWN,
            Refusal::new(Kind::Widens, widens.to_string()),
        ),
        SpawnError::Unavailable(what) => {
            // A store's error text may name files.
            tracing::error!(%what, agent = %core.path, "a helper could not begin");
            let text = "not made: helpers cannot start now; the request itself is not at fault";
            return CallOutcome::Failed(text.to_owned()).into();
        }
        other => return CallOutcome::Failed(other.to_string()).into(),
    };
    core.emit(denied(&denial, line(arguments)));
    refused(denial, arguments)
}
