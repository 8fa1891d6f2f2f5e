//! Which chain of blocks is this, and who may use or extend it? Chains are minted, delegated, approved,
//! read and evaluated here.

mod approve;
mod cache;
mod chain;
mod delegate;
mod error;
mod explain;
mod held;
mod keyring;
mod lineage;
mod link;
mod looked_up;
mod mint;
mod position;
mod reissue;
mod weigh;
mod wire_call;

pub use approve::{Approval, ApprovalRequest};
pub use chain::{Chain, Hop};
pub use error::MintError;
pub use held::Held;
pub use keyring::{DEFAULT_CACHE_BYTES, KeyRing, MAX_ROOTS};
pub(crate) use looked_up::Looker;
pub use mint::Mandate;
pub use position::PositionError;
pub(crate) use position::role_fits;
pub(crate) use reissue::Moved;
pub use wire_call::{MAX_CALL_LIFE, MIN_CALL_LIFE, WireCall};
