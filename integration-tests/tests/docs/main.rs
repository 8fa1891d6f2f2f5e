//! What the documentation says of the code, and what the code says of its structure.

mod interop;
mod layers;
mod pages;
mod sizes;
mod snippets;
mod words;
