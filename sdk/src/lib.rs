//! Bailiwick.

pub mod agent;
pub mod id;
pub mod model;
