//! One block of a chain, signed and read.

use std::sync::Arc;

use super::compiled::Rules;
use super::datalog::{Block, Table, encode};
use super::keys::{AgentKey, PublicKey};
use super::looked_up::LookedUp;
use super::wire::{self, SignedBlock};

/// One verified block, and all before it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) parent: Option<Arc<Link>>,
    pub(crate) signed: SignedBlock,
    pub(crate) block: Block,
    /// What the block allows; none for approvals and calls.
    pub(crate) rules: Option<Rules>,
    /// The strings and keys named up to here.
    pub(crate) table: Table,
    /// Which guards looked whether the block's agent has ended in another process.
    pub(crate) looked_up: LookedUp,
}

/// Signs `block` after `parent` and makes it a link. The block is in profile by construction.
pub(crate) fn append(
    parent: Option<&Arc<Link>>,
    block: Block,
    signer: &AgentKey,
    next_key: PublicKey,
) -> Result<Arc<Link>, String> {
    let mut table = parent.map_or_else(Table::default, |parent| parent.table.clone());
    let bytes = encode(&block, &mut table);
    let previous = parent.map(|parent| &parent.signed.signature);
    let signature = signer.sign(&wire::payload(&bytes, &next_key, previous, None));
    let rules = block.bounds().map(Rules::compile).transpose()?;
    Ok(Arc::new(Link {
        parent: parent.cloned(),
        signed: SignedBlock {
            bytes,
            next_key,
            signature,
            external: None,
        },
        block,
        rules,
        table,
        looked_up: LookedUp::default(),
    }))
}
