//! Typed blocks, written as Datalog and read back, exactly to the byte.
//!
//! A block is one of four kinds, distinguished by its shape. Writing is canonical: a typed block has exactly
//! one spelling after a given chain. Reading is deliberately simple, because [`read`] writes the block that
//! it has understood again and refuses bytes that differ from the result.

mod grant;
mod query;
mod raw;
mod read;
mod table;
mod text;
mod write;

use self::raw::RawBlock;
use crate::capability::scope::Bounds;
use crate::id::Timestamp;

pub(crate) use table::Table;
pub use text::stock_facts;

/// The version of the profile that authority blocks declare.
pub(super) const PROFILE: i64 = 1;

/// The first block, signed by a root: it names the first holder and what that holder may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorityBlock {
    pub(crate) lineage: [u8; 16],
    /// The moment past which no renewal extends the token.
    pub(crate) ends: Timestamp,
    pub(crate) principal: Option<String>,
    pub(crate) intent: Option<String>,
    pub(crate) bounds: Bounds,
}

/// A delegation: the authority that the delegator passes to the next holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HopBlock {
    pub(crate) role: String,
    /// The decision that renewed the hop, after a renewal.
    pub(crate) decision: Option<String>,
    pub(crate) bounds: Bounds,
}

/// An approver's consent to exactly one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApprovalBlock {
    pub(crate) call: [u8; 32],
    pub(crate) expires: Timestamp,
    pub(crate) id: [u8; 16],
}

/// The end of a wire call: the one call for which the token may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallBlock {
    pub(crate) capability: String,
    pub(crate) digest: [u8; 32],
    pub(crate) nonce: [u8; 16],
    pub(crate) audience: String,
    pub(crate) expires: Timestamp,
}

/// One block of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Authority(AuthorityBlock),
    Hop(HopBlock),
    Approval(ApprovalBlock),
    Call(CallBlock),
}

impl Block {
    /// The bounds of the block, if it is of a kind that has bounds.
    pub(crate) const fn bounds(&self) -> Option<&Bounds> {
        match self {
            Self::Authority(block) => Some(&block.bounds),
            Self::Hop(block) => Some(&block.bounds),
            Self::Approval(_) | Self::Call(_) => None,
        }
    }

    /// The block as Datalog text with every string escaped, for people to read.
    pub(crate) fn text(&self) -> Vec<String> {
        let mut table = Table::default();
        let bytes = encode(self, &mut table);
        text::lines(&bytes, &table)
    }
}

/// The bytes of `block` after the chain that `table` describes; the strings and keys of the block are added
/// to `table`.
pub(crate) fn encode(block: &Block, table: &mut Table) -> Vec<u8> {
    write::block(block, table)
}

/// Reads the bytes of a block after the chain that `table` describes.
///
/// `third_party` says that the block has an external signature, and so symbols of its own. The error says
/// why the bytes are not in profile; `table` must not be used after an error.
pub(crate) fn decode(
    bytes: &[u8],
    third_party: bool,
    table: &mut Table,
) -> Result<Block, &'static str> {
    let raw = RawBlock::of(bytes).map_err(
        |_| "the block has parts that no block in profile has, or is not in canonical protobuf",
    )?;
    let mut own = Table::default();
    let table = if third_party { &mut own } else { table };
    table.extend(&raw)?;
    let block = read::block(&raw, table).ok_or("the block is of none of the four kinds")?;
    if third_party != matches!(block, Block::Approval(_)) {
        return Err("an approval is signed by a third party, and no other block is");
    }
    // Writing must name all strings and keys that the block lists, in their order.
    if encode(&block, table) != bytes || !table.in_turn() {
        return Err("the block is not in canonical form");
    }
    Ok(block)
}
