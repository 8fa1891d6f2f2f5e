//! Who signs, and is the signature valid? Key pairs, and the authority that a root holds.

mod authority;
mod pair;
mod strict;

pub use authority::{Authority, RootKey};
pub(crate) use pair::random;
pub use pair::{AgentKey, KeyError, PublicKey};
pub(super) use strict::{Point, RootPoint};
