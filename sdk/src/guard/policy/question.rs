//! What a policy is asked, and its one written form.

use serde_json::{Map, Value, json};

use crate::capability::{Call, Chain, PublicKey, canonical};
use crate::guard::context::Context;
use crate::id::{Timestamp, hex};

/// The version of the written form of a question ([`Question::to_json`]).
pub const QUESTION_VERSION: u32 = 1;

/// One call, as a policy is asked about it: the token that allows it, the call with its arguments, and what is
/// known of the tool and of the run.
///
/// None of it but the arguments comes from the model, or from a remote caller.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    chain: &'a Chain,
    call: &'a Call,
    context: &'a Context,
}

impl<'a> Question<'a> {
    /// The question about a call of the holder of `chain`.
    #[must_use]
    pub const fn new(chain: &'a Chain, call: &'a Call, context: &'a Context) -> Self {
        Self {
            chain,
            call,
            context,
        }
    }

    /// The token by which the call is made.
    #[must_use]
    pub const fn chain(&self) -> &'a Chain {
        self.chain
    }

    /// The capability and its arguments.
    #[must_use]
    pub const fn call(&self) -> &'a Call {
        self.call
    }

    /// What is known from the tool's declaration and the run.
    #[must_use]
    pub const fn context(&self) -> &'a Context {
        self.context
    }

    /// The roles that the delegators gave, one for each hop of the token, the agent's own last. A token that
    /// was not delegated has none.
    pub fn roles(&self) -> impl Iterator<Item = &'a str> {
        self.chain.hops().filter_map(|hop| hop.role)
    }

    /// The approvals of this same call that the token carries and that have not ended: who signed each, and
    /// when it ends.
    ///
    /// Any caller can put an approval by a key of its own on a token, so a policy counts only keys that it
    /// names itself.
    pub fn approvals(&self) -> impl Iterator<Item = (PublicKey, Timestamp)> {
        let facts = &self.context.facts;
        let approvals = self.chain.approvals();
        let digest = (!approvals.is_empty()).then(|| {
            let holder = self.chain.holder();
            self.call
                .digest(&holder, facts.task.as_deref(), facts.audience.as_deref())
        });
        approvals
            .iter()
            .filter(move |approval| {
                Some(approval.call) == digest && facts.time.secs() < approval.expires.secs()
            })
            .map(|approval| (approval.by, approval.expires))
    }

    /// The question as canonical JSON, which adapters and other programs read. It is one object:
    ///
    /// | member | type | |
    /// |---|---|---|
    /// | `version` | number | [`QUESTION_VERSION`] |
    /// | `time` | text | the time now, RFC 3339 in UTC |
    /// | `agent` | object | `path`: the path from the root; `roles`: one for each hop; `key`: the key that the token names; `depth`: how often the token was delegated |
    /// | `token` | object | `id` and `lineage`, hexadecimal; `expires`: the earliest expiry of its blocks; `principal` and `intent`, if the root named them |
    /// | `call` | text | the id of this one call, hexadecimal |
    /// | `capability` | text | what is called |
    /// | `arguments` | object | the arguments as every check and the tool's body get them |
    /// | `effect` | text | `read`, `write`, `delete`, `send` or `spawn` |
    /// | `risk` | text | the risk of the tool, if it is known |
    /// | `sensitivity` | text | the sensitivity of what the call touches and of what the run has read, if it is known |
    /// | `dataset` | list | the data sets that the call touches, if they are known |
    /// | `taint` | list | what the run has read that may carry instructions, if it is known |
    /// | `owner`, `environment` | text | those of the tool, if it declares them |
    /// | `intent` | text | the purpose of the run, if its caller gave one |
    /// | `task`, `step`, `audience` | text | if they are known |
    /// | `approvals` | list | `by`: a key, `expires`: a time; see [`Question::approvals`] |
    ///
    /// What is not known has no member. An empty list says that it is known to be empty. Members are added
    /// without a new version; a new version changes or removes one.
    #[must_use]
    pub fn to_json(&self) -> String {
        canonical::write(&Value::Object(self.members()))
    }

    fn members(&self) -> Map<String, Value> {
        let (chain, facts) = (self.chain, &self.context.facts);
        let mut token = Map::new();
        put(&mut token, "id", hex::write(&chain.id()));
        put(&mut token, "lineage", hex::write(&chain.lineage()));
        put(&mut token, "expires", chain.expires().to_string());
        put_known(&mut token, "principal", chain.principal());
        put_known(&mut token, "intent", chain.intent());
        let approvals: Vec<_> = self
            .approvals()
            .map(|(by, expires)| json!({ "by": by.to_string(), "expires": expires.to_string() }))
            .collect();
        let mut all = Map::new();
        put(&mut all, "version", QUESTION_VERSION);
        put(&mut all, "time", facts.time.to_string());
        let agent = json!({
            "path": self.context.agent,
            "roles": self.roles().collect::<Vec<_>>(),
            "key": chain.holder().to_string(),
            "depth": chain.depth(),
        });
        put(&mut all, "agent", agent);
        put(&mut all, "token", token);
        put(&mut all, "call", hex::write(&self.call.nonce().0));
        put(&mut all, "capability", self.call.capability());
        put(&mut all, "arguments", self.call.arguments().clone());
        put(&mut all, "effect", self.context.effect.to_string());
        put_known(&mut all, "risk", facts.risk.map(|risk| risk.name()));
        let sensitivity = facts.sensitivity.map(|sensitivity| sensitivity.name());
        put_known(&mut all, "sensitivity", sensitivity);
        let names = |names: &std::collections::BTreeSet<String>| json!(names);
        put_known(&mut all, "dataset", facts.dataset.as_ref().map(names));
        put_known(&mut all, "taint", facts.taint.as_ref().map(names));
        put_known(&mut all, "owner", self.context.owner.as_deref());
        put_known(&mut all, "environment", self.context.environment.as_deref());
        put_known(&mut all, "intent", self.context.intent.as_deref());
        put_known(&mut all, "task", facts.task.as_deref());
        put_known(&mut all, "step", facts.step.as_deref());
        put_known(&mut all, "audience", facts.audience.as_deref());
        put(&mut all, "approvals", approvals);
        all
    }
}

fn put(map: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    map.insert(name.to_owned(), value.into());
}

fn put_known(map: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        put(map, name, value);
    }
}
