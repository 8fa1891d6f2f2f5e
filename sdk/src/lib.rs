//! Bailiwick.

// What `#[tool]` writes names this crate, from inside it too.
extern crate self as bailiwick;

pub mod agent;
pub mod capability;
pub mod clock;
pub mod guard;
pub mod id;
pub mod model;
pub mod record;
pub mod store;
pub mod tool;

#[cfg(feature = "macros")]
pub use bailiwick_macros::tool;

#[doc(hidden)]
pub mod __private;
