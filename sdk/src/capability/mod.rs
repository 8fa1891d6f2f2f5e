//! WHAT MAY BE DONE: scopes, tokens, and whether a token allows a call. Synchronous and pure, and
//! the only room that names `biscuit_auth`.

mod absolute;
mod alternatives;
mod approve;
#[cfg(test)]
pub(crate) mod arbitrary;
mod atom;
mod authority;
mod bounds;
mod cache;
mod call;
pub mod canonical;
mod chain;
mod cidr;
mod compiled;
mod constraint;
mod cover;
mod datalog;
mod decimal;
mod delegate;
mod explain;
mod facts;
mod held;
mod keyring;
mod keys;
mod link;
mod looked_up;
mod make;
mod meet;
mod mint;
mod narrow;
pub(crate) mod normal;
mod pattern;
mod place;
mod present;
mod protobuf;
mod question;
mod reading;
mod refusal;
mod reissue;
mod rule;
mod scope;
mod url_pattern;
mod weigh;
mod wire;
mod words;
mod work;
mod written;

pub use approve::{Approval, ApprovalRequest};
pub use atom::{Atom, AtomSet};
pub use authority::{Authority, RootKey};
pub use bounds::{Bounds, Budget, Caveats, Grant, Grants, Quorum, SPAWN};
pub use call::{Call, CallNonce};
pub use canonical::MAX_ARGUMENTS;
pub use chain::{Chain, Hop};
pub use cidr::Cidr;
pub use constraint::Constraint;
pub use datalog::stock_facts;
pub use decimal::Decimal;
pub use facts::{BudgetKey, Facts, Risk, Sensitivity};
pub use held::Held;
pub use keyring::{DEFAULT_CACHE_BYTES, KeyRing, MAX_ROOTS};
#[cfg(feature = "seal")]
pub(crate) use keys::random;
pub use keys::{AgentKey, KeyError, PublicKey};
pub(crate) use looked_up::Looker;
pub use make::{
    Strings, absent, any, at_least, at_most, cidr, eq, host, matches, one_of, path_under, prefix,
    range, subset_of, url,
};
pub use meet::{MeetError, meet};
pub use mint::{Mandate, MintError};
pub use narrow::{Way, Widens, narrow};
pub use pattern::MAX_MATCHED_BYTES;
pub(crate) use place::role_fits as is_role;
pub use present::{MAX_CALL_LIFE, MIN_CALL_LIFE, WireCall};
pub use question::Apart;
pub use reading::Reading;
pub(crate) use refusal::by_how_much;
pub use refusal::{Kind, Refusal};
pub(crate) use reissue::Moved;
pub use scope::{DEFAULT_LIFETIME, Expiry, Scope, ScopeError, hours, minutes, seconds};
pub use url_pattern::UrlPattern;
pub use wire::{from_text, to_text};
pub use work::{Work, work};
