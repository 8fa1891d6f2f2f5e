//! What a call is about to change, looked at before it does.

use std::future::Future;
use std::pin::Pin;

use super::ToolError;

/// What a call is about to change, as it stands before the call.
///
/// It is kept with a call that is kept. Where the process ends while the call is made, the call is made
/// again only if the same still stands there, or what the call makes: otherwise something else changed
/// it meanwhile, and the outcome of the call is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    pub(crate) now: String,
    pub(crate) is_made: bool,
}

impl Look {
    /// What stands there now, in a text that differs where what stands there differs, such as a digest;
    /// `is_made` where that is what the call makes.
    #[must_use]
    pub fn new(now: impl Into<String>, is_made: bool) -> Self {
        Self {
            now: now.into(),
            is_made,
        }
    }
}

/// A look that is being taken.
pub type Looking = Pin<Box<dyn Future<Output = Result<Look, ToolError>> + Send>>;
