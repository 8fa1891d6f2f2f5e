//! One block of a chain, signed and read.

use std::sync::Arc;

use super::looked_up::LookedUp;
use super::weigh::weigh;
use crate::capability::block::wire;
use crate::capability::block::wire::SignedBlock;
use crate::capability::block::{Block, Table, encode};
use crate::capability::check::CompiledBounds;
use crate::capability::keys::{AgentKey, PublicKey};
use crate::capability::scope::{Bounds, Grants};
use crate::capability::value::Patterns;

/// One verified block, and all before it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) parent: Option<Arc<Link>>,
    pub(crate) signed: SignedBlock,
    pub(crate) block: Block,
    /// The bounds of the block; `None` for approvals and calls.
    pub(crate) bounds: Option<CompiledBounds>,
    /// The strings and keys named up to this block.
    pub(crate) table: Table,
    /// The patterns up to this block.
    pub(crate) patterns: Patterns,
    /// The guards that have looked up whether the block's agent has ended in another process.
    pub(crate) looked_up: LookedUp,
}

impl Link {
    /// A link after `parent`, of a block that is in profile there and whose patterns were admitted.
    pub(crate) fn new(
        parent: Option<&Arc<Self>>,
        signed: SignedBlock,
        block: Block,
        table: Table,
    ) -> Result<Arc<Self>, String> {
        let before = parent.map_or_else(Patterns::default, |parent| parent.patterns.clone());
        let patterns = before.with(patterns(&block))?;
        let bounds = block.bounds();
        let compiled = bounds.map(|bounds| CompiledBounds::compile(bounds, &patterns));
        Ok(Arc::new(Self {
            parent: parent.cloned(),
            signed,
            bounds: compiled.transpose()?,
            block,
            table,
            patterns,
            looked_up: LookedUp::default(),
        }))
    }

    /// About how many bytes the link holds, without its parents; data that it shares with other links counts
    /// in full.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.signed.bytes.capacity()
            + weigh(&self.block)
            + self.table.bytes()
            + self.patterns.bytes()
    }
}

/// The patterns that a block writes.
pub(crate) fn patterns(block: &Block) -> impl Iterator<Item = &str> {
    block.bounds().into_iter().flat_map(Bounds::patterns)
}

/// A block written for its position, and not signed yet.
pub(crate) struct Draft {
    block: Block,
    bytes: Vec<u8>,
    table: Table,
}

impl Draft {
    /// Writes a block that follows `parent`.
    pub(crate) fn after(parent: Option<&Arc<Link>>, block: Block) -> Self {
        let mut table = parent.map_or_else(Table::default, |parent| parent.table.continued());
        Self {
            bytes: encode(&block, &mut table),
            block,
            table,
        }
    }

    /// The grants of the block; a block without bounds inherits all.
    pub(super) fn grants(&self) -> &Grants {
        self.block
            .bounds()
            .map_or(&Grants::Inherit, |bounds| &bounds.grants)
    }

    /// How many bytes the block has.
    pub(crate) const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Signs the block after the same `parent` and makes it a link. The block is in profile by construction,
    /// except for its patterns together with those before it.
    pub(crate) fn sign(
        self,
        parent: Option<&Arc<Link>>,
        signer: &AgentKey,
        next_key: PublicKey,
    ) -> Result<Arc<Link>, String> {
        let known = parent.map_or_else(Patterns::default, |parent| parent.patterns.clone());
        known.admit(patterns(&self.block))?;
        let previous = parent.map(|parent| &parent.signed.signature);
        let signature = signer.sign(&wire::payload(&self.bytes, &next_key, previous, None));
        let signed = SignedBlock {
            bytes: self.bytes,
            next_key,
            signature,
            external: None,
        };
        Link::new(parent, signed, self.block, self.table)
    }
}

/// Signs `block` after `parent` and makes it a link, as [`Draft::sign`] does.
pub(crate) fn append(
    parent: Option<&Arc<Link>>,
    block: Block,
    signer: &AgentKey,
    next_key: PublicKey,
) -> Result<Arc<Link>, String> {
    Draft::after(parent, block).sign(parent, signer, next_key)
}
