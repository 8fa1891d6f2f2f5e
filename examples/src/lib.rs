//! What the examples share: their arguments, the choice of a model, the screen, and Ctrl-C.

pub mod args;
pub mod model;
pub mod screen;
pub mod script;
pub mod stage;
