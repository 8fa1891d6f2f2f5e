//! WHAT MAY BE DONE: scopes, tokens, and whether a token allows a call. Synchronous and pure, and
//! the only room that names `biscuit_auth`.
//!
//! Its rooms, from the lowest up: `keys`, `value`, `scope`; beside one another `narrow`, `check` and
//! `block`; and `token` above them. No room names one above it. `work` counts the cost of verifying.

#[cfg(test)]
pub(crate) mod arbitrary;
mod block;
mod check;
mod keys;
mod narrow;
mod scope;
mod token;
mod value;
mod work;

pub use block::stock_facts;
pub use block::wire::{from_text, to_text};
pub use check::Skip;
#[cfg(feature = "seal")]
pub(crate) use keys::random;
pub use keys::{AgentKey, Authority, KeyError, PublicKey, RootKey};
pub use narrow::{Excess, MeetError, Widens, meet, narrow};
// Everything that people write: what is `pub` in `scope/mod.rs`.
pub use scope::*;
pub use token::{
    Approval, ApprovalRequest, Chain, DEFAULT_CACHE_BYTES, Held, Hop, KeyRing, MAX_CALL_LIFE,
    MAX_ROOTS, MIN_CALL_LIFE, Mandate, MintError, PositionError, WireCall,
};
pub(crate) use token::{Looker, Moved, role_fits as is_role};
pub use value::canonical::MAX_ARGUMENTS;
pub use value::{
    Atom, AtomSet, BudgetKey, Call, CallNonce, Cidr, Decimal, Exposure, Facts, Kind, Label, Labels,
    MAX_MATCHED_BYTES, Reading, Refusal, Risk, Sensitivity, UrlPattern, canonical,
};
pub(crate) use value::{by_how_much, normal};
pub use work::{Work, work};
