//! How what a model wrote is told apart and quoted.

use crate::capability::canonical;
use crate::text::printable;

/// The arguments of a call as they are written in one way: the same ones in another order or spacing
/// are the same call. What is no JSON stays as it is.
pub(in crate::agent) fn spelled(arguments: &str) -> String {
    canonical::read(arguments)
        .map_or_else(|_| arguments.to_owned(), |value| canonical::write(&value))
}

/// An id in a message for operators: short, and on one line.
pub(super) fn escaped(id: &str) -> String {
    printable(&id.chars().take(64).collect::<String>())
}
