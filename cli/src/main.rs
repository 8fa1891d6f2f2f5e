//! The bailiwick command line.
fn main() {}
