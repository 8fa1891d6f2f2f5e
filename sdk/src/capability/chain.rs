//! Chains of blocks: minted, delegated, read; and the two forms in which one authorises a call.
//!
//! A [`Chain`] says that its signatures and its profile hold. It can be read, explained and cached;
//! nothing is ever authorised with it. [`Held`] adds the key that its last block names, a
//! [`WireCall`] ends in a call block signed by that key.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::bounds::Bounds;
use super::call::{Call, Hex};
use super::compiled::{Apart, Approved, Question, Rules};
use super::datalog::{AuthorityBlock, Block, HopBlock, Table, encode};
use super::facts::{BudgetKey, Facts};
use super::keys::{AgentKey, PublicKey};
use super::refusal::{Kind, Refusal};
use super::wire::{self, Proof, SignedBlock};
use crate::id::Timestamp;

/// One verified block, and all before it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) parent: Option<Arc<Link>>,
    pub(crate) signed: SignedBlock,
    pub(crate) block: Block,
    /// What the block allows; none for approvals and calls.
    pub(crate) rules: Option<Rules>,
    /// The strings and keys named up to here.
    pub(crate) table: Arc<Table>,
}

/// A token whose signatures hold from a root on, and whose every block is in profile.
///
/// It is no authority: anyone who saw its bytes has it. Clones share everything.
#[derive(Clone)]
pub struct Chain {
    inner: Arc<Inner>,
}

struct Inner {
    root: PublicKey,
    key_id: Option<u32>,
    /// Authority first, then hops, approvals, and the call if there is one.
    links: Vec<Arc<Link>>,
    hops: u32,
    approvals: Vec<Approved>,
    /// The epoch of the keyring at which the root was last found trusted.
    trusted_at: AtomicU64,
    /// The generation of the revocations at which nothing of the chain was found revoked.
    clean_at: AtomicU64,
}

/// One row of a chain: the authority block, or a delegation.
#[derive(Clone, Debug)]
pub struct Hop<'a> {
    /// 0 for the authority block.
    pub number: u32,
    /// The role that the delegator gave; none for the authority block.
    pub role: Option<&'a str>,
    /// What the block allows.
    pub bounds: &'a Bounds,
    /// The key that may use and extend the chain from here.
    pub holder: PublicKey,
    /// The block's own id for revocation: its signature.
    pub id: [u8; 64],
    /// How many bytes the block has.
    pub size: usize,
    /// The decision that renewed the hop.
    pub decision: Option<&'a str>,
    block: &'a Block,
}

impl Hop<'_> {
    /// The block as Datalog, one fact or check a line; for people to read, not to parse.
    #[must_use]
    pub fn datalog(&self) -> Vec<String> {
        self.block.text()
    }
}

impl Chain {
    /// Puts verified links together. `links` starts with the authority block.
    pub(crate) fn of(root: PublicKey, key_id: Option<u32>, links: Vec<Arc<Link>>) -> Self {
        let mut hops = 0;
        let mut approvals = Vec::new();
        for link in &links {
            match (&link.block, &link.signed.external) {
                (Block::Hop(_), _) => hops += 1,
                (Block::Approval(approval), Some(external)) => approvals.push(Approved {
                    by: external.key,
                    call: approval.call,
                    expires: approval.expires,
                    id: approval.id,
                }),
                _ => {}
            }
        }
        let (trusted_at, clean_at) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { inner: Arc::new(Inner { root, key_id, links, hops, approvals, trusted_at, clean_at }) }
    }

    pub(crate) fn links(&self) -> &[Arc<Link>] {
        &self.inner.links
    }

    /// The key of the root that signed the first block.
    #[must_use]
    pub fn root(&self) -> PublicKey {
        self.inner.root
    }

    /// The unsigned hint at the root that the token carries.
    #[must_use]
    pub fn key_id(&self) -> Option<u32> {
        self.inner.key_id
    }

    /// How often the authority was delegated: the number of hops after the authority block.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.inner.hops
    }

    /// The key that may use and extend the chain: the one that the last hop names.
    #[must_use]
    pub fn holder(&self) -> PublicKey {
        self.last_hop().signed.next_key
    }

    /// The signature of the last hop, which is the chain's own id for revocation.
    #[must_use]
    pub fn id(&self) -> [u8; 64] {
        self.last_hop().signed.signature
    }

    /// The authority block's lineage: the same for every renewal and every descendant.
    #[must_use]
    pub fn lineage(&self) -> [u8; 16] {
        self.authority().map_or([0; 16], |authority| authority.lineage)
    }

    /// Whom the root minted the token for.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        self.authority()?.principal.as_deref()
    }

    /// What the root minted the token for, in words.
    #[must_use]
    pub fn intent(&self) -> Option<&str> {
        self.authority()?.intent.as_deref()
    }

    /// The moment past which no renewal goes.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.authority().map_or(Timestamp::default(), |authority| authority.ends)
    }

    /// When the first of its blocks expires.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.bounds().map(|bounds| bounds.caveats.expires).min().unwrap_or_default()
    }

    /// The bounds of each block, root first; the chain allows what all of them allow.
    pub fn bounds(&self) -> impl Iterator<Item = &Bounds> {
        self.inner.links.iter().filter_map(|link| link.block.bounds())
    }

    /// The authority block and the hops, root first.
    pub fn hops(&self) -> impl Iterator<Item = Hop<'_>> {
        self.inner.links.iter().enumerate().filter_map(|(number, link)| {
            let (role, decision) = match &link.block {
                Block::Hop(hop) => (Some(hop.role.as_str()), hop.decision.as_deref()),
                _ => (None, None),
            };
            Some(Hop {
                number: u32::try_from(number).ok()?,
                role,
                bounds: link.block.bounds()?,
                holder: link.signed.next_key,
                id: link.signed.signature,
                size: link.signed.bytes.len(),
                decision,
                block: &link.block,
            })
        })
    }

    /// The budgets that the chain sets: which counter, the most it may reach, and the hop.
    pub fn budgets(&self) -> impl Iterator<Item = (&BudgetKey, u64, u32)> {
        self.rules().flat_map(|(hop, rules)| rules.budgets().iter().map(move |(key, max)| (key, *max, hop)))
    }

    /// Whether the chain could allow any call of `capability`, arguments and context apart.
    #[must_use]
    pub fn could(&self, capability: &str) -> bool {
        self.rules().all(|(_, rules)| rules.could(capability))
    }

    /// The bytes of the chain, without a proof: to read and to cache, not to call with.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.write(&Proof::Absent)
    }

    pub(crate) fn write(&self, proof: &Proof) -> Vec<u8> {
        wire::write(self.inner.key_id, self.inner.links.iter().map(|link| &link.signed), proof)
    }

    /// Joins the chain with the private key that its last block names.
    ///
    /// # Errors
    ///
    /// [`Kind::NotHolder`] when it is another key.
    pub fn held_by(self, key: impl Into<Arc<AgentKey>>) -> Result<Held, Refusal> {
        let key = key.into();
        let named = self.last().signed.next_key;
        if key.public() != named {
            return Err(Refusal::new(
                Kind::NotHolder,
                format!("the token names the key {named}, the key given is {}", key.public()),
            ));
        }
        Ok(Held { chain: self, key })
    }

    /// Asks every block of the chain about a call: the explanation behind `verify` and `simulate`.
    ///
    /// It proves nothing about who asks, so it authorises nothing.
    ///
    /// # Errors
    ///
    /// The first refusal: lowest hop, grants before caveats, caveats in the order of the profile.
    pub fn explain(&self, call: &Call, facts: &Facts, apart: Apart) -> Result<(), Refusal> {
        let holder = self.holder();
        let question = Question::new(call, facts, self.depth(), &holder, &self.inner.approvals, apart);
        for (hop, rules) in self.rules() {
            rules.ask(&question, hop)?;
        }
        let Some(Block::Call(block)) = self.inner.links.last().map(|link| &link.block) else { return Ok(()) };
        let refuse = |kind, detail: String| Err(Refusal::at(kind, self.depth() + 1, detail));
        if block.capability != call.capability() {
            return refuse(Kind::Tool, format!("the token is for a call of `{}`", block.capability));
        }
        if block.nonce != call.nonce().0 || block.digest != *question.digest() {
            return refuse(Kind::Argument, "the token is for a call with other arguments, task or audience".to_owned());
        }
        if facts.audience.as_ref() != Some(&block.audience) {
            return refuse(Kind::Audience, format!("the call is meant for `{}`", block.audience));
        }
        if facts.time.secs() >= block.expires.secs() {
            return refuse(Kind::Expired, format!("the call ended at {}, now is {}", block.expires, facts.time));
        }
        Ok(())
    }

    /// Asks once whether the root is trusted at `epoch`; remembered until the epoch changes.
    pub(crate) fn trusted_at(&self, epoch: u64, trusts: impl FnOnce(&PublicKey) -> bool) -> bool {
        once(&self.inner.trusted_at, epoch, || trusts(&self.inner.root))
    }

    /// Asks once whether nothing of the chain is revoked at `generation`; remembered until it
    /// changes. Generations are never zero and never the same for two sets.
    pub(crate) fn clean_at(&self, generation: u64, clean: impl FnOnce(&Self) -> bool) -> bool {
        once(&self.inner.clean_at, generation, || clean(self))
    }

    pub(crate) fn approvals(&self) -> &[Approved] {
        &self.inner.approvals
    }

    /// Whether one of `by` approved this very call. Anyone can put an approval by a key of their
    /// own on a chain, so the keys are the verifier's.
    pub(crate) fn approved(&self, digest: &[u8; 32], now: Timestamp, by: &BTreeSet<PublicKey>) -> bool {
        let good = |approval: &Approved| approval.call == *digest && now.secs() < approval.expires.secs() && by.contains(&approval.by);
        self.inner.approvals.iter().any(good)
    }

    /// The innermost directory that any block grants the path argument `name` under, with its
    /// trailing slash; an argument granted by its very value is its own.
    pub(crate) fn innermost_root(&self, call: &Call, name: &str) -> Option<String> {
        self.rules().filter_map(|(_, rules)| rules.root(call, name)).max_by_key(String::len)
    }

    /// Whether every block that grants names this very address among the hosts of the URL argument
    /// `name`: no hop reaches inside by leave of another.
    pub(crate) fn names_address(&self, call: &Call, name: &str, ip: IpAddr) -> bool {
        self.rules().all(|(_, rules)| rules.names_address(call, name, ip))
    }

    fn authority(&self) -> Option<&AuthorityBlock> {
        match &self.inner.links.first()?.block {
            Block::Authority(authority) => Some(authority),
            _ => None,
        }
    }

    fn rules(&self) -> impl Iterator<Item = (u32, &Rules)> {
        (0u32..).zip(&self.inner.links).filter_map(|(hop, link)| Some((hop, link.rules.as_ref()?)))
    }

    pub(crate) fn last(&self) -> &Arc<Link> {
        self.link(self.inner.links.len().saturating_sub(1))
    }

    fn last_hop(&self) -> &Arc<Link> {
        self.link(self.inner.hops as usize)
    }

    #[expect(clippy::indexing_slicing, reason = "a chain has its authority block and as many links as hops after it")]
    fn link(&self, index: usize) -> &Arc<Link> {
        &self.inner.links[index]
    }
}

fn once(seen: &AtomicU64, now: u64, ask: impl FnOnce() -> bool) -> bool {
    if seen.load(Ordering::Acquire) == now {
        return true;
    }
    let answer = ask();
    if answer {
        seen.store(now, Ordering::Release);
    }
    answer
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain(depth {}, id {}…)", self.depth(), Hex(self.id().first_chunk::<8>().unwrap_or(&[0; 8])))
    }
}

/// A chain and the private key that its last block names: authority inside this process.
///
/// Not `Clone`: pass it by reference, or share it in an `Arc`.
pub struct Held {
    pub(crate) chain: Chain,
    pub(crate) key: Arc<AgentKey>,
}

impl Held {
    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The same authority for the task that decides one of its calls.
    pub(crate) fn share(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone() }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({:?}, {:?})", self.chain, self.key)
    }
}

/// A chain that ends in a call: authority for that one call, made by its holder.
#[derive(Clone, Debug)]
pub struct WireCall {
    pub(crate) chain: Chain,
}

impl WireCall {
    /// The chain, its call block included.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The nonce of the call.
    #[must_use]
    pub fn nonce(&self) -> [u8; 16] {
        self.block().map_or([0; 16], |block| block.nonce)
    }

    /// When the call is too late.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.block().map_or(Timestamp::default(), |block| block.expires)
    }

    fn block(&self) -> Option<&super::datalog::CallBlock> {
        match &self.chain.last().block {
            Block::Call(block) => Some(block),
            _ => None,
        }
    }
}

/// Signs `block` after `parent` and makes it a link. The block is in profile by construction.
pub(crate) fn append(
    parent: Option<&Arc<Link>>,
    block: Block,
    signer: &AgentKey,
    next_key: PublicKey,
) -> Result<Arc<Link>, String> {
    let mut table = parent.map_or_else(Table::default, |parent| (*parent.table).clone());
    let bytes = encode(&block, &mut table);
    let previous = parent.map(|parent| &parent.signed.signature);
    let signature = signer.sign(&wire::payload(&bytes, &next_key, previous, None));
    let rules = block.bounds().map(Rules::compile).transpose()?;
    Ok(Arc::new(Link {
        parent: parent.cloned(),
        signed: SignedBlock { bytes, next_key, signature, external: None },
        block,
        rules,
        table: Arc::new(table),
    }))
}

/// What one block's place in a chain demands of it; the words are for `malformed`.
pub(crate) fn place(before: &[Arc<Link>], root: &PublicKey, signed: &SignedBlock, block: &Block) -> Result<(), String> {
    let hops_only = before.iter().all(|link| matches!(link.block, Block::Authority(_) | Block::Hop(_)));
    let signer = before.last().map_or(root, |link| &link.signed.next_key);
    match block {
        Block::Authority(authority) => {
            if !before.is_empty() {
                return Err("an authority block stands only at the start".to_owned());
            }
            if authority.bounds.capabilities().is_none() {
                return Err("the authority block must list its grants".to_owned());
            }
            if authority.bounds.caveats.expires > authority.ends {
                return Err("the authority block outlives its own end".to_owned());
            }
        }
        Block::Hop(hop) if before.is_empty() || !hops_only => {
            return Err(format!("the hop of `{}` does not follow the authority block or a hop", hop.role));
        }
        Block::Hop(HopBlock { role, .. }) => {
            if !role_fits(role) {
                return Err(format!("the role `{role}` is not 1 to 32 of `a-z`, `0-9`, `_`, `-`"));
            }
        }
        Block::Approval(_) => {
            if before.is_empty() {
                return Err("an approval cannot stand at the start".to_owned());
            }
            let key = signed.external.as_ref().map(|external| &external.key);
            if key.is_some_and(|key| key == root || before.iter().any(|link| link.signed.next_key == *key)) {
                return Err("an approver's key is also a holder's or the root's".to_owned());
            }
        }
        Block::Call(_) if before.is_empty() => return Err("a call cannot stand at the start".to_owned()),
        Block::Call(_) => {}
    }
    if before.last().is_some_and(|link| matches!(link.block, Block::Call(_))) {
        return Err("nothing may follow a call".to_owned());
    }
    let Some(bounds) = block.bounds() else { return Ok(()) };
    super::scope::profile_fault(bounds).map_or(Ok(()), Err)?;
    let hop = u32::try_from(before.len()).unwrap_or(u32::MAX);
    if !bounds.may_spawn() && bounds.caveats.depth.is_none_or(|depth| depth > hop) {
        return Err("a block that does not grant `agent.spawn` must not allow another hop".to_owned());
    }
    keys(before, root, signed, bounds)?;
    budgets(before, signer, bounds)
}

/// An approver must not be a holder or the root, now or after a later hop.
fn keys(before: &[Arc<Link>], root: &PublicKey, signed: &SignedBlock, bounds: &Bounds) -> Result<(), String> {
    let earlier = before.iter().filter_map(|link| link.block.bounds()).flat_map(Bounds::approvers);
    if earlier.chain(bounds.approvers()).any(|key| *key == signed.next_key) {
        return Err("a holder's key is also an approver's".to_owned());
    }
    let holds = |key: &PublicKey| key == root || before.iter().any(|link| link.signed.next_key == *key);
    if bounds.approvers().any(holds) {
        return Err("an approver's key is also a holder's or the root's".to_owned());
    }
    Ok(())
}

/// A block names only budgets of its own signer, or ones that a block before it named.
fn budgets(before: &[Arc<Link>], signer: &PublicKey, bounds: &Bounds) -> Result<(), String> {
    let named = |budget: &super::bounds::Budget| {
        before.iter().filter_map(|link| link.block.bounds()).flat_map(|bounds| &bounds.caveats.budgets).any(|known| {
            (&known.kind, known.signer, &known.label) == (&budget.kind, budget.signer, &budget.label)
        })
    };
    let stray = bounds.caveats.budgets.iter().find(|budget| budget.signer != Some(*signer) && !named(budget));
    stray.map_or(Ok(()), |budget| {
        Err(format!("the budget `{}` is counted under a key that did not sign it", budget.kind))
    })
}

/// Role names: 1 to 32 of `a-z`, `0-9`, `_`, `-`.
pub(crate) fn role_fits(role: &str) -> bool {
    (1..=32).contains(&role.len())
        && role.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-')
}
