//! Policies written in [Cedar](https://www.cedarpolicy.com).

mod limits;
mod request;
mod schema;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use async_trait::async_trait;
use cedar_policy::{
    AuthorizationError, Authorizer, Decision as Effective, Effect, Policy as Rule, PolicyId,
    PolicySet as Rules, Response, Schema, ValidationMode, Validator, get_sdk_version,
};

pub use limits::{MAX_POLICIES, MAX_POLICY_BYTES, MAX_POLICY_DEPTH, MAX_POLICY_OPERATORS};
pub use schema::cedar_schema;
pub use shape::MAX_POLICY_VALUES;

use super::{Answer, DecidedBy, Decision, Policy, PolicyError, Question};
use crate::capability::canonical;
use crate::text::printable;
use limits::{Statement, statements};
use request::Asked;
use schema::{Declarations, Names};

/// The stack on which policies are parsed, validated and, if they are deep, evaluated.
const STACK: usize = 32 << 20;
/// The most operators of a policy that is evaluated on the stack of its caller.
const SHALLOW: usize = 32;

/// Why a set of Cedar policies cannot be loaded. Nothing of the set is in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CedarError {
    /// The text, or a policy of it, exceeds a bound. It was not parsed.
    #[error("{place}: {what}")]
    TooMuch {
        /// The line.
        place: String,
        /// The bound, and what to do.
        what: String,
    },
    /// A policy cannot be parsed.
    #[error("{place}: {what}")]
    Syntax {
        /// The policy and the line on which it begins.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// A policy does not fit the schema that the tools give.
    #[error("{place}: {what}")]
    Invalid {
        /// The policy and the line on which it begins.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// The text is not the declarations of tools.
    #[error("the declarations of the tools cannot be read: {what}")]
    Tools {
        /// What is wrong.
        what: String,
    },
    /// The declarations of the tools give no schema.
    #[error("the declarations of the tools give no schema for Cedar: {what}")]
    Schema {
        /// What is wrong.
        what: String,
    },
    /// The thread that parses the policies could not be started, or panicked.
    #[error("the policies could not be parsed: {what}")]
    Thread {
        /// What went wrong.
        what: String,
    },
}

/// A set of Cedar policies, which is parsed and validated as a whole when it is loaded.
///
/// A call is asked as `principal` `Agent::"lead/reader"`, `action` `Action::"fs.read"` and `resource`
/// `Tool::"fs.read"`. An agent is `in` each agent above it and `in` the `Role` that its delegator gave it; an
/// action is `in` its effect, such as `Effect::Action::"read"`. `context` holds the rest of the
/// [`Question`]; [`cedar_schema`] writes its types.
///
/// The call is allowed if a `permit` applies, no `forbid` applies, and **no policy gives an error**: Cedar itself
/// leaves out a policy that fails, a `forbid` too. An argument that Cedar cannot represent is a denial. A
/// `forbid` with the annotation `@ask("…")` asks for an approval, if nothing else stands against the call.
///
/// The work of one decision is bounded by [`MAX_POLICIES`], [`MAX_POLICY_OPERATORS`] and [`MAX_POLICY_VALUES`],
/// and by the bytes of the arguments.
pub struct CedarPolicy {
    rules: Rules,
    /// The rules but those that ask: what a call must pass for it to be worth asking about.
    unasked: Rules,
    /// The policies that ask, and what for.
    asks: BTreeMap<PolicyId, String>,
    declared: Declarations,
    schema: Schema,
    names: Names,
    digest: [u8; 32],
    engine: String,
    /// Whether a policy has more operators than the stack of a caller surely has room for.
    deep: bool,
}

impl fmt::Debug for CedarPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CedarPolicy")
            .field("policies", &self.rules.num_of_policies())
            .field("set", &crate::id::hex::write(&self.digest))
            .finish_non_exhaustive()
    }
}

impl CedarPolicy {
    /// Loads a set of policies for the tools that `tools` declares: the text that `Toolbox::to_json` writes.
    ///
    /// A policy's id is its annotation `@id("…")`, and `policy0`, `policy1` and so on by its place where it has
    /// none.
    ///
    /// # Errors
    ///
    /// When the text exceeds a bound, a policy does not parse, is a template, has the id of another, or does not
    /// fit the schema in Cedar's strict mode, when `@ask` stands on a `permit`, and when `tools` does not
    /// declare tools. The error names the policy and its line.
    pub fn load(policies: &str, tools: &str) -> Result<Self, CedarError> {
        let found = statements(policies)?;
        // Expressions are as deep as the bounds allow, whatever the stack of the caller.
        let parsed = std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name("bailiwick-cedar".to_owned())
                .stack_size(STACK)
                .spawn_scoped(scope, || Self::parse(policies, &found, tools))
                .map(std::thread::ScopedJoinHandle::join)
        });
        match parsed {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(_)) => Err(CedarError::Thread {
                what: "the parser panicked; report the text to the authors of Cedar".to_owned(),
            }),
            Err(error) => Err(CedarError::Thread {
                what: format!("no thread could be started: {error}"),
            }),
        }
    }

    fn parse(text: &str, found: &[Statement<'_>], tools: &str) -> Result<Self, CedarError> {
        let declared = Declarations::read(tools)?;
        let schema = declared.schema()?;
        let (mut rules, mut unasked) = (Rules::new(), Rules::new());
        let (mut asks, mut places) = (BTreeMap::new(), BTreeMap::new());
        for (at, statement) in found.iter().enumerate() {
            let (rule, id) = named(at, statement)?;
            let place = place(&id, statement.line);
            match (rule.annotation("ask"), rule.effect()) {
                (None, _) => add(&mut unasked, &rule, &place)?,
                (Some(why), Effect::Forbid) => {
                    let why = match why {
                        "" => format!("the policy `{}` asks for an approval", printable(&id)),
                        why => why.to_owned(),
                    };
                    asks.insert(rule.id().clone(), why);
                }
                (Some(_), Effect::Permit) => {
                    let what = "`@ask` stands on a `permit`, where it has no effect; write a `forbid` that asks";
                    let what = what.to_owned();
                    return Err(CedarError::Invalid { place, what });
                }
            }
            add(&mut rules, &rule, &place)?;
            places.insert(rule.id().clone(), place);
        }
        let validated = Validator::new(schema.clone()).validate(&rules, ValidationMode::Strict);
        if let Some(error) = validated.validation_errors().next() {
            let place = places.get(error.policy_id()).cloned();
            return Err(CedarError::Invalid {
                place: place.unwrap_or_else(|| error.policy_id().to_string()),
                what: error.to_string(),
            });
        }
        let written = canonical::write(&declared.to_json());
        let parts = [text, &written].map(|part| canonical::sha256(b"", part));
        Ok(Self {
            rules,
            unasked,
            asks,
            names: Names::new()?,
            declared,
            schema,
            digest: canonical::sha256(b"bailiwick/cedar/1\0", parts.concat()),
            engine: format!("cedar-policy {}", get_sdk_version()),
            deep: found.iter().any(|rule| rule.operators > SHALLOW),
        })
    }

    /// The digest of the set: SHA-256 of `bailiwick/cedar/1\0`, of the SHA-256 hash of the policies' text, and of
    /// the SHA-256 hash of the schema as canonical JSON. So two sets with one digest decide alike.
    #[must_use]
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }

    fn by(&self, policies: Vec<String>) -> DecidedBy {
        DecidedBy {
            set: Some(self.digest),
            engine: Some(self.engine.clone()),
            policies,
        }
    }

    /// Evaluates rules. An error of any policy is an error of the whole: Cedar would decide without that policy.
    fn evaluate(
        &self,
        rules: &Rules,
        (request, entities): &Asked,
    ) -> Result<Response, PolicyError> {
        let evaluate = || Authorizer::new().is_authorized(request, rules, entities);
        let response = match self.deep {
            true => stacker::grow(STACK, evaluate),
            false => evaluate(),
        };
        let mut failed: Vec<_> = response
            .diagnostics()
            .errors()
            .map(|error| match error {
                AuthorizationError::PolicyEvaluationError(failed) => {
                    (failed.policy_id().to_string(), error.to_string())
                }
            })
            .collect();
        failed.sort();
        match failed.first() {
            None => Ok(response),
            Some((_, what)) => {
                let what =
                    format!("a policy could not be evaluated, so the call is denied: {what}");
                let ids = failed.iter().map(|(id, _)| id.clone()).collect();
                Err(PolicyError::new(what).by(self.by(ids)))
            }
        }
    }

    fn judge(&self, question: &Question<'_>) -> Result<Answer, PolicyError> {
        let asked = request::request(question, &self.declared, (&self.names, &self.schema))
            .map_err(|what| PolicyError::new(what).by(self.by(Vec::new())))?;
        let response = self.evaluate(&self.rules, &asked)?;
        let reasons: BTreeSet<&PolicyId> = response.diagnostics().reason().collect();
        let ids = || reasons.iter().map(ToString::to_string).collect();
        let decision = match response.decision() {
            Effective::Allow => Decision::Permit,
            Effective::Deny if reasons.is_empty() => {
                Decision::Deny("no policy permits the call".to_owned())
            }
            Effective::Deny => {
                let asks: Option<Vec<_>> = reasons.iter().map(|id| self.asks.get(*id)).collect();
                let asks = asks.map(|asks| {
                    asks.into_iter()
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                        .join("; ")
                });
                match asks {
                    Some(why) => match self.evaluate(&self.unasked, &asked)?.decision() {
                        Effective::Allow => Decision::Ask(why),
                        Effective::Deny => Decision::Deny(
                            "no policy permits the call, even if it is approved".to_owned(),
                        ),
                    },
                    None => Decision::Deny("a policy forbids the call".to_owned()),
                }
            }
        };
        Ok(Answer::from(decision).by(self.by(ids())))
    }
}

#[async_trait]
impl Policy for CedarPolicy {
    async fn decide(&self, question: &Question<'_>) -> Result<Answer, PolicyError> {
        self.judge(question)
    }
}

/// Parses a statement into a rule with its id.
fn named(at: usize, statement: &Statement<'_>) -> Result<(Rule, String), CedarError> {
    let numbered = format!("policy{at}");
    let syntax = |place, what| CedarError::Syntax { place, what };
    let rule = Rule::parse(Some(PolicyId::new(&numbered)), statement.text)
        .map_err(|error| syntax(place(&numbered, statement.line), error.to_string()))?;
    let Some(id) = rule.annotation("id").map(str::to_owned) else {
        return Ok((rule, numbered));
    };
    if id.is_empty() || id.len() > 128 {
        let what = "the annotation `@id` needs a name of 1 to 128 bytes".to_owned();
        return Err(syntax(place(&numbered, statement.line), what));
    }
    Ok((rule.new_id(PolicyId::new(&id)), id))
}

fn add(rules: &mut Rules, rule: &Rule, place: &str) -> Result<(), CedarError> {
    rules
        .add(rule.clone())
        .map_err(|error| CedarError::Invalid {
            place: place.to_owned(),
            what: format!("{error}; give each policy an `@id` of its own"),
        })
}

fn place(id: &str, line: usize) -> String {
    format!("policy `{}` (line {line})", printable(id))
}
