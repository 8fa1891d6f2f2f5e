//! Anthropic's messages (<https://docs.anthropic.com/en/api/messages>).

mod block;
mod cost;
mod read;
mod wire;
mod write;

/// The name of the protocol, in what is carried back.
pub(super) const NAME: &str = "anthropic";

pub(super) use read::Reader;
pub(super) use write::body;
