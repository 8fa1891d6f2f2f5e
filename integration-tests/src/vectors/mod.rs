//! Vectors: honest and hostile tokens, one a file, named for the flaw, with the verdict.
//!
//! `vectors/README.md` describes their form for other implementations. They are made here, the same
//! bytes in every run, each with the verdict that its author wrote down; `tests/vectors.rs` reads
//! the files back and holds both verdicts.

mod bombs;
mod bytes;
mod call;
mod cast;
mod caveats;
mod content;
mod draft;
mod format;
mod forms;
mod honest;
mod judge;
mod keys;
mod limits;
mod positions;
mod proofs;
mod signatures;
mod values;

use std::path::PathBuf;

pub use format::{Asked, Expect, Known, Present, Stage, Stock, StockVerdict, Used, Vector};

/// Every vector, sorted by name.
#[must_use]
pub fn all() -> Vec<Vector> {
    let mut all = [
        honest::vectors(),
        forms::vectors(),
        caveats::vectors(),
        call::vectors(),
        bytes::vectors(),
        signatures::vectors(),
        keys::vectors(),
        proofs::vectors(),
        content::vectors(),
        positions::vectors(),
        limits::vectors(),
        values::vectors(),
        bombs::vectors(),
    ]
    .concat();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    for pair in all.windows(2) {
        assert_ne!(pair[0].name, pair[1].name, "two vectors of one name");
    }
    all
}

/// Where the files are.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// The text of a vector's file.
///
/// Members stand as they were written down: in another order where a crate of the build asks `serde_json` to keep it
/// (`preserve_order`), so arguments are written in the order of their names.
#[must_use]
pub fn text(vector: &Vector) -> String {
    serde_json::to_string_pretty(vector).unwrap() + "\n"
}
