//! The `#[tool]` attribute of bailiwick.
