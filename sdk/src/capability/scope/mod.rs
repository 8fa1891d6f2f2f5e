//! What is requested, and what is allowed? Scopes as people write them, and the bounds that they become.

mod absolute;
mod alternatives;
mod bounds;
mod builder;
mod constraint;
mod constructors;
mod display;
mod plain;
mod written;

pub(super) use absolute::{MAX_QUORUM, profile_fault};
pub(super) use alternatives::{MAX_GRANTS, split};
pub(super) use bounds::patterns;
pub use bounds::{Bounds, Budget, Caveats, Grant, Grants, Quorum, SPAWN};
pub use builder::{DEFAULT_LIFETIME, Expiry, Scope, ScopeError, hours, minutes, seconds};
pub use constraint::Constraint;
pub(super) use constraint::{Lists, strip_slash, wrap_pattern};
pub use constructors::*;
pub(super) use plain::{Plain, either};
