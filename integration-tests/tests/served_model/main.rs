//! A real model, small and weak, at work: `integration-tests/models/test` serves it and runs these.
//!
//! These tests check what the runtime does with any text of such a model. They do not check that it is clever: where
//! a test needs a call to be made, the server holds the model to it ([`served::Led`]), and what follows
//! from the call is the runtime's.

#![expect(
    clippy::unwrap_used,
    reason = "the functions that tests share are test code too"
)]

mod helpers;
mod injection;
mod served;
mod tools;
mod weak;
mod words;
