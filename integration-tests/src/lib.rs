//! What the tests from outside share.

/// The code of the book, compiled.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../docs/src/tools.md")]
    struct Tools;
}
