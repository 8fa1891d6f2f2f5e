//! The object-safe form of a tool: sealed, so that every body is reached the same way.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::state::States;
use super::{Arguments, Declaration, Invocation, Journal, Need, Tool, ToolError};
use crate::capability::{Kind, Refusal, canonical};
use crate::guard::Permit;

type Ran = Pin<Box<dyn Future<Output = Result<Value, ToolError>> + Send>>;

/// The journal of the call, if the call is stored.
type Kept = Option<Arc<dyn Journal>>;
/// What runs a call that was allowed.
pub(super) type Body = dyn FnOnce(Permit, Arc<States>, Kept) -> Ran + Send;

/// A call that was read but not decided: its arguments as one value, and the body that will get that value.
pub(crate) struct Prepared {
    /// The arguments as the type wrote them back; this value is checked.
    pub(crate) arguments: Map<String, Value>,
    /// The body, which moves the same value and takes the permit.
    pub(crate) body: Box<Body>,
}

/// A tool as the toolbox holds it.
pub(crate) trait Erased: Send + Sync {
    fn declaration(&self) -> Declaration;
    fn parameters(&self) -> Value;
    fn needs(&self) -> Vec<Need>;
    /// Reads the argument text, once.
    fn prepare(self: Arc<Self>, raw: &str) -> Result<Prepared, Refusal>;
}

impl<T: Tool> Erased for T {
    fn declaration(&self) -> Declaration {
        Tool::declaration(self)
    }

    fn parameters(&self) -> Value {
        Tool::parameters(self)
    }

    fn needs(&self) -> Vec<Need> {
        Tool::needs(self)
    }

    fn prepare(self: Arc<Self>, raw: &str) -> Result<Prepared, Refusal> {
        let wrong = |what: String| Refusal::new(Kind::Argument, what);
        let mut given = canonical::read_object(raw).map_err(|error| wrong(error.to_string()))?;
        given.retain(|_, value| !value.is_null());
        let first: T::Args = serde_json::from_value(Value::Object(given))
            .map_err(|error| wrong(format!("the arguments do not fit the tool: {error}")))?;
        // Written and read once more: the body's value is made only of the value that is checked,
        // even where a type writes less than it reads, or something else.
        let arguments = written(&first)?;
        let mut args: T::Args =
            serde_json::from_value(Value::Object(arguments.clone())).map_err(|error| {
                wrong(format!(
                    "the arguments do not read back as the tool writes them: {error}"
                ))
            })?;
        if written(&args)? != arguments {
            return Err(wrong(
                "the arguments change each time that the tool reads and writes them".to_owned(),
            ));
        }
        let body = Box::new(move |permit: Permit, states, journal: Kept| {
            let ran: Ran = Box::pin(async move {
                if permit.lapsed() {
                    return Err(ToolError::new(
                        "the permit lapsed before the call began; ask again",
                    ));
                }
                let allowed = permit.allowed();
                for (name, resource) in args.resources() {
                    resource.admit(name, &allowed);
                }
                if let Some(journal) = journal
                    && let Some(looking) = self.look(&args)
                {
                    journal.looked(permit.id(), &looking.await?).await?;
                }
                let output = self.call(args, Invocation::new(permit, states)).await?;
                serde_json::to_value(output).map_err(ToolError::from)
            });
            ran
        });
        Ok(Prepared { arguments, body })
    }
}

/// The arguments as their type writes them: the one value that is checked.
fn written(args: &impl Arguments) -> Result<Map<String, Value>, Refusal> {
    let wrong = |what: String| Refusal::new(Kind::Argument, what);
    match serde_json::to_value(args) {
        Ok(Value::Object(mut arguments)) => {
            arguments.retain(|_, value| !value.is_null());
            Ok(arguments)
        }
        Ok(_) => Err(wrong(
            "the arguments of a tool must be an object".to_owned(),
        )),
        Err(error) => Err(wrong(format!(
            "the arguments cannot be written back: {error}"
        ))),
    }
}
