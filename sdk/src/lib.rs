//! Bailiwick.

pub mod agent;
pub mod capability;
pub mod clock;
pub mod guard;
pub mod id;
pub mod model;
pub mod record;
pub mod store;
pub mod tool;
