//! Bailiwick.

pub mod tool;
