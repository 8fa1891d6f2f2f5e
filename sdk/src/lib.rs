//! Bailiwick.

pub mod capability;
pub mod clock;
pub mod id;
pub mod record;
pub mod store;
