//! Makes a token's bytes of the scopes of a case, and verdicts of the bytes.

use bailiwick::capability::{
    AgentKey, Authority, Call, Chain, KeyRing, Kind, Mandate, MintError, Refusal, Skip,
};
use bailiwick::id::Timestamp;
use serde_json::Value;

use super::case::{Ask, Case, Link, Malformed, nameless};

/// A root of its own and a verifier that trusts it, for one thread.
pub(super) struct Bench {
    authority: Authority,
    ring: KeyRing,
    raw: bool,
}

/// The verdict on one call.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) id: Value,
    /// Why it is denied, and by which hop.
    pub(super) refused: Option<(Kind, Option<u32>)>,
    /// How the verdict differs from the expected one.
    pub(super) difference: Option<String>,
}

/// A case's token, made or not.
enum Made {
    Token(Vec<u8>),
    Refused(Refusal),
}

impl Bench {
    pub(super) fn new(raw: bool) -> Self {
        let authority = Authority::generate();
        Self {
            ring: KeyRing::new([authority.root()]),
            authority,
            raw,
        }
    }

    /// Asks every call of a case.
    pub(super) fn answer(&self, case: &Case) -> Result<Vec<Answer>, Malformed> {
        let chain = match self.make(&case.chain)? {
            Made::Token(bytes) => self.ring.chain(&bytes),
            Made::Refused(refusal) => Err(refusal),
        };
        Ok(case
            .calls
            .iter()
            .map(|call| answer(case, call, &chain))
            .collect())
    }

    /// Mints the first scope and delegates the others, each to a fresh key.
    fn make(&self, links: &[Link]) -> Result<Made, Malformed> {
        let Some((root, hops)) = links.split_first() else {
            return Err(Malformed("the chain is empty".to_owned()));
        };
        let mut key = AgentKey::generate();
        let mut chain = self
            .authority
            .mint(&root.scope, &Mandate::default(), key.public(), root.made)
            .map_err(|error| unusable(0, &error))?;
        for (index, link) in hops.iter().enumerate() {
            let hop = index + 1;
            let next = AgentKey::generate();
            let held = chain
                .held_by(key)
                .map_err(|refusal| Malformed(refusal.to_string()))?;
            let role = format!("hop-{hop}");
            let made = match self.raw {
                true => held.danger_append(&role, &link.scope, next.public(), link.made),
                false => held.delegate(&role, &link.scope, next.public(), link.made),
            };
            (chain, key) = match made {
                Ok(chain) => (chain, next),
                Err(error @ MintError::Scope(_)) => return Err(unusable(hop, &error)),
                Err(error) => {
                    // The scopes that come after are never used, but must be usable.
                    for (hop, link) in links.iter().enumerate().skip(hop) {
                        link.scope
                            .at(link.made)
                            .map_err(|error| unusable(hop, &error.into()))?;
                    }
                    return Ok(Made::Refused(self.refused(&error)));
                }
            };
        }
        Ok(Made::Token(chain.to_bytes()))
    }

    /// Why a delegation was refused. With `--raw` only a block that is not in profile is refused: no
    /// verifier accepts such a block, from any signer.
    fn refused(&self, error: &MintError) -> Refusal {
        let kind = if self.raw {
            Kind::Malformed
        } else {
            Kind::Widens
        };
        Refusal::new(kind, error.to_string())
    }
}

fn unusable(hop: usize, error: &MintError) -> Malformed {
    match error {
        MintError::Scope(error) => Malformed::at(&format!("chain[{hop}]"), error),
        error => Malformed::at(&format!("chain[{hop}]"), error),
    }
}

fn answer(case: &Case, ask: &Ask, chain: &Result<Chain, Refusal>) -> Answer {
    let refusal = chain
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|chain| verdict(ask, chain, case.now))
        .err();
    let refused = refusal
        .as_ref()
        .map(|refusal| (refusal.kind(), refusal.hop()));
    let difference = ask
        .expect
        .as_ref()
        .filter(|expect| !expect.fits(refused))
        .map(|expect| {
            let got = refusal
                .as_ref()
                .map_or_else(|| "allow".to_owned(), |refusal| format!("deny {refusal}"));
            format!(
                "call {} of case {}: expected {expect}, got {got}",
                ask.id, case.id
            )
        });
    Answer {
        id: ask.id.clone(),
        refused,
        difference,
    }
}

fn verdict(ask: &Ask, chain: &Chain, now: Timestamp) -> Result<(), Refusal> {
    let tool = ask.tool.as_deref().ok_or_else(nameless)?;
    let call = Call::parse(tool, &ask.args)?;
    chain.explain(&call, &ask.context.facts(chain, now), Skip::default())
}
