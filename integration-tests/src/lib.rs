//! What the tests from outside share.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "support of tests: whatever fails here fails a test"
)]

#[cfg(feature = "support")]
pub mod child;
pub mod forge;
pub mod interop;
pub mod random;
pub mod stock;
#[cfg(feature = "support")]
pub mod support;
pub mod vectors;

/// The code of the README and of the book, compiled and run as doc tests.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../../README.md")]
    struct Readme;

    #[doc = include_str!("../../sdk/README.md")]
    struct PackageReadme;

    #[doc = include_str!("../../docs/src/guide.md")]
    struct Guide;

    #[cfg(feature = "cedar")]
    #[doc = include_str!("../../docs/src/guide-policies.md")]
    struct Policies;

    #[doc = include_str!("../../docs/src/models.md")]
    struct Models;

    #[doc = include_str!("../../docs/src/runs.md")]
    struct Runs;

    #[doc = include_str!("../../docs/src/tools.md")]
    struct Tools;
}
