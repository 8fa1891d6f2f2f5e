//! Random scopes, calls and facts from small alphabets, so that they hit each other often.

mod constraint;
mod grow;
mod rng;
mod values;
mod world;

pub use grow::{Grown, grow, hold};
pub use rng::Rng;
pub use world::World;
