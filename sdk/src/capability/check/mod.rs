//! Does one block allow this call? Bounds compiled, and asked.

mod compiled;
mod request;
mod rule;

pub(super) use compiled::Rules;
pub use request::Apart;
pub(super) use request::{Approved, Question};
