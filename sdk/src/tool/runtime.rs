//! A tool whose arguments are known only at run time, such as one of an MCP server.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{Declaration, Invocation, Tool, ToolError};

type Body = dyn Fn(
        Map<String, Value>,
        Invocation,
    ) -> Pin<Box<dyn Future<Output = Result<Value, ToolError>> + Send>>
    + Send
    + Sync;

/// A tool made at run time: a declaration, a JSON schema, and a body over plain JSON.
///
/// Its arguments are not typed, so a token's constraint selects the reading: a string counts as a
/// path or URL only if it already is in normal form.
#[derive(Clone)]
pub struct RuntimeTool {
    declaration: Declaration,
    parameters: Value,
    body: Arc<Body>,
}

impl RuntimeTool {
    /// A tool with this body. `parameters` is shown to models; it is not checked against.
    pub fn new<F, R>(declaration: Declaration, parameters: Value, body: F) -> Self
    where
        F: Fn(Map<String, Value>, Invocation) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, ToolError>> + Send + 'static,
    {
        Self {
            declaration,
            parameters,
            body: Arc::new(move |args, invocation| Box::pin(body(args, invocation))),
        }
    }
}

impl std::fmt::Debug for RuntimeTool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RuntimeTool({})", self.declaration.capability)
    }
}

#[async_trait]
impl Tool for RuntimeTool {
    type Args = Map<String, Value>;
    type Output = Value;

    fn declaration(&self) -> Declaration {
        self.declaration.clone()
    }

    fn parameters(&self) -> Value {
        self.parameters.clone()
    }

    async fn call(
        &self,
        args: Map<String, Value>,
        invocation: Invocation,
    ) -> Result<Value, ToolError> {
        (self.body)(args, invocation).await
    }
}
