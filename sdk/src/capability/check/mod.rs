//! Does one block allow this call? Bounds are compiled here and evaluated.

mod compiled;
mod grant;
mod request;

pub(super) use compiled::CompiledBounds;
pub use request::Skip;
pub(super) use request::{AccessRequest, Approved};
