//! The ways in which a chain grows: minted by a root, delegated and renewed by holders, approved
//! by third parties, turned into a call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::bounds::Bounds;
use super::call::Call;
use super::chain::Chain;
use super::datalog::{
    ApprovalBlock, AuthorityBlock, Block, CallBlock, HopBlock, Table, decode, encode,
};
use super::facts::Facts;
use super::held::Held;
use super::keys::{AgentKey, Authority, PublicKey, random};
use super::link::{Link, append};
use super::narrow::{Widens, narrow};
use super::place::{place, role_fits};
use super::scope::{Scope, ScopeError};
use super::wire::{self, External, MAX_BLOCKS, MAX_BYTES, Proof, SignedBlock};
use crate::id::Timestamp;

/// The longest life of a wire call.
pub const MAX_CALL_LIFE: Duration = Duration::from_secs(60);

/// Why no token was made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The scope itself is at fault.
    #[error("the scope cannot be used: {0}")]
    Scope(#[from] ScopeError),
    /// The scope is wider than what it is derived from; each way is listed.
    #[error("{0}")]
    Widens(Widens),
    /// The token would not be in profile: a role, a key, its size or its depth.
    #[error("no token can be made: {0}")]
    Profile(String),
}

impl From<Widens> for MintError {
    fn from(widens: Widens) -> Self {
        Self::Widens(widens)
    }
}

/// For whom and what for a root mints, beside the scope. All of it may be left out.
#[derive(Clone, Debug, Default)]
pub struct Mandate {
    /// Whom the token is minted for; revocable as a whole.
    pub principal: Option<String>,
    /// What it is minted for, in words.
    pub intent: Option<String>,
    /// The moment past which no renewal goes; the token's own expiry where it is left out.
    pub ends: Option<Timestamp>,
}

impl Authority {
    /// Mints a token with `scope` for the holder of `to`.
    ///
    /// # Errors
    ///
    /// [`MintError::Scope`] where the scope is at fault or inherits, which a root cannot;
    /// [`MintError::Profile`] where the token would be too large or `to` is the root's own key.
    pub fn mint(
        &self,
        scope: &Scope,
        mandate: &Mandate,
        to: PublicKey,
        now: Timestamp,
    ) -> Result<Chain, MintError> {
        let bounds = scope.at(now)?;
        let expires = bounds.caveats.expires;
        let ends = mandate.ends.map_or(expires, Timestamp::floor_to_second);
        if to == self.public() {
            return Err(MintError::Profile(
                "the first holder's key is the root's own; make a fresh key for the holder"
                    .to_owned(),
            ));
        }
        self.sign(
            AuthorityBlock {
                lineage: random(),
                ends,
                principal: mandate.principal.clone(),
                intent: mandate.intent.clone(),
                bounds: bounds.placed(0, self.public(), to),
            },
            to,
        )
    }

    /// Mints the first block of `chain` again with a later expiry: same lineage, same grants,
    /// caveats and budgets. Hops are renewed by those who signed them ([`Held::renew`]).
    ///
    /// # Errors
    ///
    /// [`MintError::Profile`] when `expires` is past the chain's [`ends`](Chain::ends), or another
    /// root signed it.
    pub fn renew(
        &self,
        chain: &Chain,
        expires: Timestamp,
        to: PublicKey,
    ) -> Result<Chain, MintError> {
        let Some(Block::Authority(authority)) = chain.links().first().map(|link| &link.block)
        else {
            return Err(MintError::Profile(
                "the chain has no authority block".to_owned(),
            ));
        };
        if chain.root() != self.public() {
            return Err(MintError::Profile(format!(
                "the token was signed by the root {}, not by this one",
                chain.root()
            )));
        }
        let mut block = authority.clone();
        block.bounds.caveats.expires =
            later(block.bounds.caveats.expires, expires, authority.ends)?;
        self.sign(block, to)
    }

    fn sign(&self, block: AuthorityBlock, to: PublicKey) -> Result<Chain, MintError> {
        let link =
            append(None, Block::Authority(block), self.key(), to).map_err(MintError::Profile)?;
        finish(self.public(), self.key_id(), Vec::new(), link)
    }
}

impl Held {
    /// Derives a token for the holder of `to`: the same authority or less, in the role `role`.
    ///
    /// A scope without an expiry ends with this token, at the latest after
    /// [`DEFAULT_LIFETIME`](super::DEFAULT_LIFETIME).
    ///
    /// # Errors
    ///
    /// [`MintError::Widens`] lists each way in which `scope` is wider than this token; nothing is
    /// narrowed silently. The others as for [`Authority::mint`].
    pub fn delegate(
        &self,
        role: &str,
        scope: &Scope,
        to: PublicKey,
        now: Timestamp,
    ) -> Result<Chain, MintError> {
        let bounds = scope.at_within(now, self.chain.expires())?;
        let hop = self.chain.depth() + 1;
        let parents: Vec<&Bounds> = self.chain.bounds().collect();
        if let Some(most) = parents
            .iter()
            .filter_map(|parent| parent.caveats.depth)
            .min()
            && most < hop
        {
            return Err(Widens::depth(most, hop).into());
        }
        narrow(&parents, &bounds)?;
        self.append(role, None, bounds.placed(hop, self.key.public(), to), to)
    }

    /// Appends a hop without asking whether it is narrower, as foreign software could.
    ///
    /// It widens nothing, because verification asks every block; it is here so that tests and
    /// `simulate --raw` can show that.
    ///
    /// # Errors
    ///
    /// [`MintError::Profile`] where the token would not be in profile.
    pub fn danger_append(
        &self,
        role: &str,
        scope: &Scope,
        to: PublicKey,
        now: Timestamp,
    ) -> Result<Chain, MintError> {
        let bounds = scope
            .at(now)?
            .placed(self.chain.depth() + 1, self.key.public(), to);
        self.append(role, None, bounds, to)
    }

    /// Signs the last hop of `child` again with a later expiry, for a fresh key of the child.
    ///
    /// `decision` names the decision that allowed it and stays in the token. The old chain must be
    /// revoked once the new one is stored.
    ///
    /// # Errors
    ///
    /// [`MintError::Profile`] when this token did not sign that hop, or `expires` is past this
    /// token's own expiry or the chain's end.
    pub fn renew(
        &self,
        child: &Chain,
        expires: Timestamp,
        decision: &str,
        to: PublicKey,
    ) -> Result<Chain, MintError> {
        let (last, before) = child
            .links()
            .split_last()
            .map_or((None, child.links()), |(last, before)| (Some(last), before));
        let Some(Block::Hop(hop)) = last.map(|link| &link.block) else {
            return Err(MintError::Profile(
                "only a hop can be renewed by its delegator".to_owned(),
            ));
        };
        let theirs = before.last().map(|link| link.signed.next_key);
        let (lineage, depth) = (
            child.lineage() == self.chain.lineage(),
            child.depth() == self.chain.depth() + 1,
        );
        // After this token was renewed itself its key is new, so the hop counts as its own by place.
        if !lineage || !depth || (theirs != Some(self.key.public()) && !self.succeeds(before)) {
            return Err(MintError::Profile(
                "the hop was signed by another holder; only its delegator renews it".to_owned(),
            ));
        }
        let mut bounds = hop.bounds.clone();
        let limit = self.chain.expires().min(self.chain.ends());
        bounds.caveats.expires = later(bounds.caveats.expires, expires, limit)?;
        let parents: Vec<&Bounds> = self.chain.bounds().collect();
        let mut written = bounds.clone();
        for budget in &mut written.caveats.budgets {
            // A budget of its own is no wider than anything; `narrow` knows it by the open signer.
            budget.signer = budget.signer.filter(|signer| *signer != self.key.public());
        }
        narrow(&parents, &written)?;
        self.append(&hop.role, Some(decision.to_owned()), bounds, to)
    }

    /// Whether this token is `before` with later expiries: its renewal.
    fn succeeds(&self, before: &[Arc<Link>]) -> bool {
        let mine = self.chain.links();
        mine.len() == before.len()
            && mine
                .iter()
                .zip(before)
                .all(|(mine, theirs)| match (&mine.block, &theirs.block) {
                    (Block::Authority(mine), Block::Authority(theirs)) => {
                        mine.lineage == theirs.lineage
                    }
                    (Block::Hop(mine), Block::Hop(theirs)) => {
                        let mut same = mine.bounds.clone();
                        same.caveats.expires = theirs.bounds.caveats.expires;
                        mine.role == theirs.role && same == theirs.bounds
                    }
                    _ => false,
                })
    }

    fn append(
        &self,
        role: &str,
        decision: Option<String>,
        bounds: Bounds,
        to: PublicKey,
    ) -> Result<Chain, MintError> {
        if !role_fits(role) {
            return Err(MintError::Profile(format!(
                "the role `{role}` is not 1 to 32 of `a-z`, `0-9`, `_`, `-`"
            )));
        }
        if !self.chain.approvals().is_empty() {
            return Err(MintError::Profile(
                "a token with approvals is for one call and cannot be delegated".to_owned(),
            ));
        }
        let block = Block::Hop(HopBlock {
            role: role.to_owned(),
            decision,
            bounds,
        });
        let link =
            append(Some(self.chain.last()), block, &self.key, to).map_err(MintError::Profile)?;
        finish(
            self.chain.root(),
            self.chain.key_id(),
            self.chain.links().to_vec(),
            link,
        )
    }

    /// What an approver must sign for `call`: its digest, and the signature that the approval
    /// comes after.
    #[must_use]
    pub fn approval_request(&self, call: &Call, facts: &Facts) -> ApprovalRequest {
        ApprovalRequest {
            call: call.digest(
                &self.chain.holder(),
                facts.task.as_deref(),
                facts.audience.as_deref(),
            ),
            after: self.chain.last().signed.signature,
        }
    }

    /// A copy of the token, for one call, that carries `approval`.
    ///
    /// # Errors
    ///
    /// [`MintError::Profile`] when the approval was made for another token (ask again), does not
    /// verify, or comes from the root's or a holder's key.
    pub fn with_approval(&self, approval: &Approval) -> Result<Held, MintError> {
        let profile = |what: String| MintError::Profile(what);
        let last = self.chain.last();
        let external = External {
            key: approval.by,
            signature: approval.signature,
        };
        if approval.after != last.signed.signature
            || !approval.by.verify(
                &wire::external_payload(&approval.bytes, &last.signed.signature),
                &approval.signature,
            )
        {
            return Err(profile(
                "the approval is not for this token as it is now; ask for it again".to_owned(),
            ));
        }
        let mut table = (*last.table).clone();
        let block =
            decode(&approval.bytes, true, &mut table).map_err(|what| profile(what.to_owned()))?;
        let key = AgentKey::generate();
        let payload = wire::payload(
            &approval.bytes,
            &key.public(),
            Some(&last.signed.signature),
            Some(&external.signature),
        );
        let signed = SignedBlock {
            bytes: approval.bytes.clone(),
            next_key: key.public(),
            signature: self.key.sign(&payload),
            external: Some(external),
        };
        place(self.chain.links(), &self.chain.root(), &signed, &block).map_err(profile)?;
        let link = Arc::new(Link {
            parent: Some(last.clone()),
            signed,
            block,
            rules: None,
            table: Arc::new(table),
        });
        let chain = finish(
            self.chain.root(),
            self.chain.key_id(),
            self.chain.links().to_vec(),
            link,
        )?;
        Ok(Held {
            chain,
            key: Arc::new(key),
        })
    }

    /// The bytes of a token that is good for `call` alone, by the verifier named in `facts`.
    ///
    /// `life` is cut to [`MAX_CALL_LIFE`]. The bytes travel in a request's body.
    ///
    /// # Errors
    ///
    /// [`MintError::Profile`] when `facts` name no audience, or the token would be too large.
    pub fn wire_call(
        &self,
        call: &Call,
        facts: &Facts,
        life: Duration,
    ) -> Result<Vec<u8>, MintError> {
        let Some(audience) = facts.audience.clone() else {
            return Err(MintError::Profile(
                "a call over the wire needs the audience that it is meant for".to_owned(),
            ));
        };
        let block = CallBlock {
            capability: call.capability().to_owned(),
            digest: call.digest(&self.chain.holder(), facts.task.as_deref(), Some(&audience)),
            nonce: call.nonce().0,
            audience,
            expires: facts
                .time
                .saturating_add(life.min(MAX_CALL_LIFE))
                .floor_to_second(),
        };
        let key = AgentKey::generate();
        let link = append(
            Some(self.chain.last()),
            Block::Call(block),
            &self.key,
            key.public(),
        )
        .map_err(MintError::Profile)?;
        let seal = key.sign(&link.signed.seal_payload());
        let chain = finish(
            self.chain.root(),
            self.chain.key_id(),
            self.chain.links().to_vec(),
            link,
        )?;
        let bytes = chain.write(&Proof::Seal(seal));
        size(bytes.len())?;
        Ok(bytes)
    }
}

/// The new expiry, or why it is none.
fn later(old: Timestamp, new: Timestamp, limit: Timestamp) -> Result<Timestamp, MintError> {
    let new = new.floor_to_second();
    if new <= old || new > limit {
        return Err(MintError::Profile(format!(
            "a renewal ends after {old} and at the latest at {limit}, not at {new}"
        )));
    }
    Ok(new)
}

/// A chain of `before` and `link`, when it is in profile.
fn finish(
    root: PublicKey,
    key_id: Option<u32>,
    before: Vec<Arc<Link>>,
    link: Arc<Link>,
) -> Result<Chain, MintError> {
    place(&before, &root, &link.signed, &link.block).map_err(MintError::Profile)?;
    let mut links = before;
    links.push(link);
    if links.len() > MAX_BLOCKS {
        return Err(MintError::Profile(format!(
            "the token would have more than {MAX_BLOCKS} blocks"
        )));
    }
    super::keyring::patterns(&links).map_err(MintError::Profile)?;
    // Protobuf adds about 150 bytes a block around the block itself.
    let chain = Chain::of(root, key_id, links);
    size(
        chain
            .links()
            .iter()
            .map(|link| link.signed.bytes.len() + 128)
            .sum(),
    )?;
    Ok(chain)
}

fn size(bytes: usize) -> Result<(), MintError> {
    if bytes > MAX_BYTES {
        return Err(MintError::Profile(format!(
            "the token would have {bytes} bytes, more than {MAX_BYTES}; write a shorter scope"
        )));
    }
    Ok(())
}

/// What an approver is asked to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApprovalRequest {
    /// The digest of the call ([`Call::digest`]).
    pub call: [u8; 32],
    /// The signature of the token that the approval comes after.
    pub after: [u8; 64],
}

/// An approver's signature over exactly one call of one token.
#[derive(Clone, PartialEq, Eq)]
pub struct Approval {
    by: PublicKey,
    after: [u8; 64],
    bytes: Vec<u8>,
    signature: [u8; 64],
}

impl ApprovalRequest {
    /// Signs the request with an approver's key; the approval is good until `expires`.
    #[must_use]
    pub fn approve(&self, key: &AgentKey, expires: Timestamp) -> Approval {
        let block = ApprovalBlock {
            call: self.call,
            expires: expires.floor_to_second(),
            id: random(),
        };
        let bytes = encode(&Block::Approval(block), &mut Table::default());
        let signature = key.sign(&wire::external_payload(&bytes, &self.after));
        Approval {
            by: key.public(),
            after: self.after,
            bytes,
            signature,
        }
    }
}

impl fmt::Debug for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Approval(by {})", self.by)
    }
}
