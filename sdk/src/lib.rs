//! Bailiwick.

pub mod capability;
pub mod id;
