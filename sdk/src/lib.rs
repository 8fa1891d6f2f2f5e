//! Bailiwick.
