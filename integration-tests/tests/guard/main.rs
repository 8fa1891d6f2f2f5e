//! What the guard decides, and that it decides as the stock engine does.

mod bad_luck;
mod biscuit_samples;
#[cfg(feature = "cedar")]
mod cedar;
mod decisions;
mod denials;
mod differential;
mod revoked_paths;
mod shown;
mod vectors;
