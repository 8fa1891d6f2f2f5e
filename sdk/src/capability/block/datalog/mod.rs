//! Typed blocks to Datalog and back, to the byte.
//!
//! A block is one of four kinds, told by its shape. Writing is canonical: a typed block has exactly
//! one spelling after a given chain. Reading is deliberately simple, because [`read`] writes what it
//! understood again and refuses anything that does not come out as the same bytes.

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

/// The first block: who may do what, signed by a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorityBlock {
    pub(crate) lineage: [u8; 16],
    /// Past which no renewal goes.
    pub(crate) ends: Timestamp,
    pub(crate) principal: Option<String>,
    pub(crate) intent: Option<String>,
    pub(crate) bounds: Bounds,
}

/// A delegation: what the delegator leaves to the next holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HopBlock {
    pub(crate) role: String,
    /// The decision that renewed the hop, after a renewal.
    pub(crate) decision: Option<String>,
    pub(crate) bounds: Bounds,
}

/// Someone's consent to exactly one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApprovalBlock {
    pub(crate) call: [u8; 32],
    pub(crate) expires: Timestamp,
    pub(crate) id: [u8; 16],
}

/// The end of a wire call: what the token may be used for.
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
    /// The bounds that the block sets, if it is one that does.
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

/// The bytes of `block` after the chain that `table` describes; `table` takes up what it adds.
pub(crate) fn encode(block: &Block, table: &mut Table) -> Vec<u8> {
    write::block(block, table)
}

/// Reads the bytes of a block after the chain that `table` describes.
///
/// `third_party` says that the block has an external signature, and so symbols of its own.
/// The error says why the bytes are not in profile; `table` is of no use after it.
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
    // Writing names the strings and keys that the block lists, each in its turn and all of them.
    if encode(&block, table) != bytes || !table.in_turn() {
        return Err("the block is not in canonical form");
    }
    Ok(block)
}
