//! What the tests from outside share.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "support of tests: whatever fails here fails a test"
)]

pub mod forge;
pub mod stock;
