//! What can be done: tools, and the doors to files and to the network that they act through.

pub mod fs;
#[cfg(feature = "http")]
pub mod http;
