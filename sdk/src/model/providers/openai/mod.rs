//! OpenAI's chat completions (<https://platform.openai.com/docs/api-reference/chat>), and what the servers
//! that speak as it does add to it or leave out.

mod details;
mod read;
mod wire;
mod write;

/// The name of the protocol, in what is carried back.
pub(super) const NAME: &str = "openai";

pub(super) use read::Reader;
pub(super) use write::body;
