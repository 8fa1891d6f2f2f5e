//! A helper that a model asks for: by `agent.spawn` with a scope of its own, or by the name of one that
//! code described.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::durable::Resumed;
use super::super::helper::Helper;
use super::super::member::{Member, denied, line};
use super::super::run::CallOutcome;
use super::super::spawn::{Spawn, SpawnError};
use super::super::typed::Wanted;
use super::calls::refused;
use crate::capability::{Kind, Refusal, SPAWN, Scope, canonical};
use crate::guard::Denial;
use crate::model::ToolCall;
use crate::record::EventKind;

/// What is asked for.
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

    fn spawn(&self, member: &Arc<Member>, call: &ToolCall) -> Spawn {
        let role = self.helper.role().to_owned();
        Spawn::new(member.clone(), role).asked_by(call, &self.helper, &self.task)
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
            Some(stray) => Err(wrong(format!("`{stray}` is no argument of a spawn"))),
            None => Ok(()),
        }
    }
}

fn wrong(what: String) -> Refusal {
    Refusal::new(Kind::Argument, what)
}

/// What a turn knows of such a call beside it.
pub(super) struct Around {
    /// Whether it is the only call of its turn.
    pub(super) alone: bool,
    /// The helper that it made before a crash, if it did.
    pub(super) child: Option<Resumed>,
    /// What the answer of the whole run must look like.
    pub(super) wanted: Option<Wanted>,
}

/// Spawns and runs it like any other, its answer the result; or goes on with the one that this call
/// made before a crash.
pub(super) async fn spawn(
    member: &Arc<Member>,
    call: &ToolCall,
    helper: Option<&Helper>,
    around: Around,
) -> (CallOutcome, Option<Denial>) {
    let arguments = &call.arguments;
    let asked = match Asked::read(helper, arguments) {
        Ok(asked) => asked,
        Err(refusal) => {
            let denial = Denial::new(&member.path, SPAWN, refusal);
            member.record_unreadable(&denial).await;
            member.emit(denied(&denial, line(arguments)));
            return refused(denial, arguments);
        }
    };
    let takes_over = asked.helper.takes_over;
    if takes_over && !around.alone {
        let text =
            "not made: a task is handed over by the only call of a turn; make the others first";
        return (CallOutcome::Failed(text.to_owned()), None);
    }
    // Whoever takes the task over owes the answer that was asked for.
    let wanted = around.wanted.filter(|_| takes_over);
    let running = match around.child {
        Some(child) => super::go_on(child, &asked.task, wanted),
        None => match asked.spawn(member, call).await {
            Ok(child) => {
                if takes_over {
                    member.emit(EventKind::HandedOver {
                        to: child.path().to_owned(),
                    });
                }
                super::run(child, asked.task, wanted)
            }
            Err(error) => return no_child(member, error, arguments),
        },
    };
    let report = running.await;
    if let Err(failed) = &report {
        // Its words are the operator's: they may name limits, or hold a provider's.
        tracing::warn!(%failed, "a helper ended without an answer");
    }
    (CallOutcome::answer(&report, takes_over), None)
}

fn no_child(member: &Member, error: SpawnError, arguments: &str) -> (CallOutcome, Option<Denial>) {
    let denial = match error {
        SpawnError::Denied(denial) => *denial,
        SpawnError::Pending(pending) => pending.missing,
        SpawnError::Widens(widens) => Denial::new(
            &member.path,
            SPAWN,
            Refusal::new(Kind::Widens, widens.to_string()),
        ),
        SpawnError::Unavailable(what) => {
            // A store's words may name files.
            tracing::error!(%what, agent = %member.path, "a helper could not begin");
            let text = "not made: no helper can begin now; this is not about what was asked for";
            return (CallOutcome::Failed(text.to_owned()), None);
        }
        other => return (CallOutcome::Failed(other.to_string()), None),
    };
    member.emit(denied(&denial, line(arguments)));
    refused(denial, arguments)
}
