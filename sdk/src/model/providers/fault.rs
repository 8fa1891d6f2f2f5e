//! Why an answer that began is not a valid answer.

use crate::model::ModelError;

/// The answer ended before it was whole. The model may have worked, so its cost is not known.
pub(super) fn broken(what: &str) -> ModelError {
    ModelError::transient(format!(
        "the answer broke off: {what}; ask again, or look at the server's log"
    ))
    .unsettled()
}

/// Something in the answer is not what the protocol says. The model may have worked.
pub(super) fn wrong(what: impl std::fmt::Display) -> ModelError {
    ModelError::transient(format!("the answer cannot be read: {what}")).unsettled()
}

/// The answer passes a bound. Asking again would bring the same.
pub(super) fn too_long(what: &str, bound: usize) -> ModelError {
    ModelError::permanent(format!(
        "the answer is too long: {what}, and at most {bound} are read; ask for less in one turn"
    ))
    .unsettled()
}
