//! Cedar's schema, made from the declarations of the tools.

use std::collections::BTreeMap;
use std::str::FromStr;

use cedar_policy::{EntityId, EntityTypeName, EntityUid, Schema, SchemaFragment};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::CedarError;
use super::shape::{self, Members, Shape};
use crate::capability::{Risk, SPAWN, canonical};
use crate::guard::context::Effect;
use crate::text::printable;

/// The version of the written tools that this build reads.
const TOOLS_VERSION: u32 = 1;

/// What is read of the text that `Toolbox::to_json` writes.
#[derive(Deserialize)]
struct Tools {
    version: u32,
    tools: Vec<Declared>,
}

#[derive(Deserialize)]
struct Declared {
    capability: String,
    effect: Effect,
    #[serde(rename = "risk")]
    _risk: Risk,
    parameters: Value,
}

/// A tool, as policies know it.
pub(super) struct Known {
    pub(super) effect: Effect,
    pub(super) arguments: Members,
}

/// The tools, and the schema that they give.
pub(super) struct Declarations {
    tools: BTreeMap<String, Known>,
}

impl Declarations {
    /// Reads the text that `Toolbox::to_json` writes.
    pub(super) fn read(tools: &str) -> Result<Self, CedarError> {
        let wrong = |what: String| CedarError::Tools { what };
        let value = canonical::read(tools).map_err(|error| wrong(error.to_string()))?;
        let read: Tools =
            serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
        if read.version != TOOLS_VERSION {
            let what = format!(
                "they have version {}, and this build reads version {TOOLS_VERSION}; write them with this build",
                read.version
            );
            return Err(wrong(what));
        }
        let mut tools = BTreeMap::from([(SPAWN.to_owned(), spawn())]);
        for Declared {
            capability,
            effect,
            parameters,
            ..
        } in read.tools
        {
            let arguments = shape::arguments(&parameters);
            let known = Known { effect, arguments };
            if tools.insert(capability.clone(), known).is_some() {
                let name = printable(&capability);
                return Err(wrong(format!(
                    "`{name}` is declared twice; a capability has one tool"
                )));
            }
        }
        Ok(Self { tools })
    }

    pub(super) fn get(&self, capability: &str) -> Option<&Known> {
        self.tools.get(capability)
    }

    /// The schema as JSON, in Cedar's own form.
    pub(super) fn to_json(&self) -> Value {
        let actions: Map<String, Value> = self
            .tools
            .iter()
            .map(|(capability, known)| {
                let group = json!({ "type": "Effect::Action", "id": known.effect.to_string() });
                let applies = json!({
                    "principalTypes": ["Agent"],
                    "resourceTypes": ["Tool"],
                    "context": context(&known.arguments),
                });
                let action = json!({ "memberOf": [group], "appliesTo": applies });
                (capability.clone(), action)
            })
            .collect();
        let effects: Map<String, Value> = Effect::ALL
            .iter()
            .map(|effect| (effect.to_string(), json!({})))
            .collect();
        json!({
            "": {
                "entityTypes": {
                    "Agent": { "memberOfTypes": ["Agent", "Role"] },
                    "Role": {},
                    "Tool": {},
                },
                "actions": actions,
            },
            "Effect": { "entityTypes": {}, "actions": effects },
        })
    }

    pub(super) fn schema(&self) -> Result<Schema, CedarError> {
        Schema::from_json_value(self.to_json()).map_err(|error| schema_error(&error))
    }
}

/// Writes the schema that policies are checked against, in the syntax of Cedar's schemas, for editors and for
/// Cedar's own tools. `tools` is the text that `Toolbox::to_json` writes.
///
/// # Errors
///
/// When the text does not declare tools, or Cedar cannot write a schema of them.
pub fn cedar_schema(tools: &str) -> Result<String, CedarError> {
    let declarations = Declarations::read(tools)?;
    declarations.schema()?;
    let fragment = SchemaFragment::from_json_value(declarations.to_json());
    let fragment = fragment.map_err(|error| schema_error(&error))?;
    fragment
        .to_cedarschema()
        .map_err(|error| schema_error(&error))
}

fn schema_error(error: &impl std::fmt::Display) -> CedarError {
    CedarError::Schema {
        what: error.to_string(),
    }
}

/// A spawn, which is no tool of a toolbox.
fn spawn() -> Known {
    let arguments = [
        ("role", Shape::Text, true),
        ("key", Shape::Text, true),
        ("scope", Shape::Json, true),
        ("task", Shape::Text, false),
    ];
    let arguments = arguments.map(|(name, shape, required)| (name.to_owned(), (shape, required)));
    Known {
        effect: Effect::Spawn,
        arguments: arguments.into(),
    }
}

/// The type of `context` for a tool with these arguments.
fn context(arguments: &Members) -> Value {
    let text = |required| json!({ "type": "String", "required": required });
    let texts =
        |required| json!({ "type": "Set", "element": { "type": "String" }, "required": required });
    let long = |required| json!({ "type": "Long", "required": required });
    let moment = json!({ "type": "Extension", "name": "datetime" });
    let agent = json!({
        "path": text(true), "roles": texts(true), "key": text(true), "depth": long(true),
    });
    let token = json!({
        "id": text(true), "lineage": text(true), "expires": moment,
        "principal": text(false), "intent": text(false),
    });
    let attributes = json!({
        "time": moment,
        "agent": { "type": "Record", "attributes": agent },
        "token": { "type": "Record", "attributes": token },
        "call": text(true),
        "arguments": shape::record(arguments),
        "effect": text(true),
        "risk": text(false),
        "risk_level": long(false),
        "sensitivity": text(false),
        "sensitivity_level": long(false),
        "dataset": texts(false),
        "taint": texts(false),
        "owner": text(false),
        "environment": text(false),
        "intent": text(false),
        "task": text(false),
        "step": text(false),
        "audience": text(false),
        "approved_by": texts(true),
    });
    json!({ "type": "Record", "attributes": attributes })
}

/// The types of the entities of a request.
pub(super) struct Names {
    agent: EntityTypeName,
    role: EntityTypeName,
    tool: EntityTypeName,
    action: EntityTypeName,
    effect: EntityTypeName,
}

impl Names {
    pub(super) fn new() -> Result<Self, CedarError> {
        let name = |name| EntityTypeName::from_str(name).map_err(|error| schema_error(&error));
        Ok(Self {
            agent: name("Agent")?,
            role: name("Role")?,
            tool: name("Tool")?,
            action: name("Action")?,
            effect: name("Effect::Action")?,
        })
    }

    pub(super) fn agent(&self, path: &str) -> EntityUid {
        uid(&self.agent, path)
    }

    pub(super) fn role(&self, role: &str) -> EntityUid {
        uid(&self.role, role)
    }

    pub(super) fn tool(&self, capability: &str) -> EntityUid {
        uid(&self.tool, capability)
    }

    pub(super) fn action(&self, capability: &str) -> EntityUid {
        uid(&self.action, capability)
    }

    pub(super) fn effect(&self, effect: Effect) -> EntityUid {
        uid(&self.effect, &effect.to_string())
    }
}

fn uid(name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id))
}
