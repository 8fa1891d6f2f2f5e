//! The request to a model.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Message;

/// A tool as a model is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolSpec {
    /// The name to call it by.
    pub name: String,
    /// What it does, for the model to read.
    pub description: String,
    /// The JSON schema of its arguments object.
    pub parameters: Value,
}

impl ToolSpec {
    /// A tool whose arguments have this JSON schema.
    pub fn new(name: impl Into<String>, description: impl Into<String>, parameters: Value) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            parameters,
        }
    }
}

/// What an answer must look like: a JSON schema, and a name for it that providers ask for.
///
/// A provider with a native mode for schemas is held to it; the caller checks the answer in any case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSchema {
    /// 1 to 64 ASCII letters, digits, `-` and `_`.
    pub name: String,
    /// The JSON schema.
    pub schema: Value,
}

impl OutputSchema {
    /// An answer of this JSON schema. The name is made one that providers take
    /// ([`plain_name`](crate::text::plain_name)).
    pub fn new(name: impl Into<String>, schema: Value) -> Self {
        Self {
            name: crate::text::plain_name(&name.into()),
            schema,
        }
    }
}

/// The request to a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Request {
    /// Its instructions, before all messages.
    pub system: Option<String>,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The tools it may ask for.
    pub tools: Vec<ToolSpec>,
    /// The most tokens it may write; the provider's own limit where this is `None`.
    pub max_output_tokens: Option<u32>,
    /// What a final answer must look like; free text where this is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputSchema>,
}

impl Request {
    /// A request to continue this conversation, without tools.
    pub fn new(messages: impl IntoIterator<Item = Message>) -> Self {
        Self {
            messages: messages.into_iter().collect(),
            ..Self::default()
        }
    }
}
