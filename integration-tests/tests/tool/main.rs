//! The gate and the doors: what a call reaches.

mod fs;
mod fs_hostile;
mod gate;
mod hidden_text;
mod http;
mod http_hostile;
mod wire;
