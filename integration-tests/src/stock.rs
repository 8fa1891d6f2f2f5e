//! The verdict of the stock Biscuit engine, to hold against ours.

use std::time::Duration;

use bailiwick::capability::{AgentKey, Call, Chain, Facts, PublicKey, stock_facts};
use biscuit_auth::builder::{Algorithm, AuthorizerBuilder};
use biscuit_auth::error::{FailedCheck, Logic, Token};
use biscuit_auth::format::schema::proof::Content;
use biscuit_auth::{AuthorizerLimits, Biscuit};

use crate::forge;

/// The one policy that a stock verifier of our tokens has.
pub const POLICY: &str = "allow if tool($t), grants($g), $g.contains($t)";

/// What the engine said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The policy matched and every check held.
    Allow,
    /// A check failed, or no policy matched.
    Deny {
        /// The first block whose check failed; none when only the policy did not match.
        block: Option<u32>,
    },
    /// The engine gave up; a verifier denies.
    Error(String),
}

/// The stock library's form of a key.
#[must_use]
pub fn key(key: &PublicKey) -> biscuit_auth::PublicKey {
    biscuit_auth::PublicKey::from_bytes(key.as_bytes(), Algorithm::Ed25519).unwrap()
}

/// Makes a chain a bearer token, which is the only form in which the stock library takes one.
///
/// `holder` is the key that the last block names.
#[must_use]
pub fn bearer(chain: &Chain, holder: &AgentKey) -> Biscuit {
    let mut raw = forge::parts(&chain.to_bytes());
    raw.proof.content = Some(Content::NextSecret(
        forge::secret(holder).to_bytes().to_vec(),
    ));
    Biscuit::from(forge::bytes(&raw), key(&chain.root())).unwrap()
}

/// Asks the stock engine whether `token`, the form of `chain` that it takes, allows a call.
#[must_use]
pub fn ask(token: &Biscuit, chain: &Chain, call: &Call, facts: &Facts) -> Verdict {
    let digest = call.digest(
        &chain.holder(),
        facts.task.as_deref(),
        facts.audience.as_deref(),
    );
    let lines = stock_facts(call, facts, chain.depth(), Some((digest, call.nonce().0)));
    judge(token, &lines)
}

/// Asks the stock engine about these facts, one Datalog line each.
#[must_use]
pub fn judge(token: &Biscuit, facts: &[String]) -> Verdict {
    let mut builder = AuthorizerBuilder::new().set_limits(AuthorizerLimits {
        max_facts: 100_000,
        max_iterations: 10_000,
        max_time: Duration::from_secs(60),
    });
    for line in facts {
        builder = builder
            .fact(line.as_str())
            .unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let mut authorizer = match builder.policy(POLICY).unwrap().build(token) {
        Ok(authorizer) => authorizer,
        Err(error) => return Verdict::Error(error.to_string()),
    };
    match authorizer.authorize() {
        Ok(_) => Verdict::Allow,
        Err(Token::FailedLogic(logic)) => Verdict::Deny {
            block: first(&logic),
        },
        Err(error) => Verdict::Error(error.to_string()),
    }
}

fn first(logic: &Logic) -> Option<u32> {
    let (Logic::Unauthorized { checks, .. } | Logic::NoMatchingPolicy { checks }) = logic else {
        return None;
    };
    let blocks = checks.iter().filter_map(|check| match check {
        FailedCheck::Block(check) => Some(check.block_id),
        FailedCheck::Authorizer(_) => None,
    });
    blocks.min()
}
