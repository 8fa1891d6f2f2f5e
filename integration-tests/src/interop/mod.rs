//! What other implementations are given, and what is made of what they give back.
//!
//! `interop/` holds their side, in Python and in JavaScript; `.ci/run` runs both.

mod calls;
mod chains;
mod check;

pub use calls::{Case, calls};
pub use chains::{Material, material};
pub use check::{Made, check};
