//! A guard together with the recorder that writes its decisions.

use std::fmt;
use std::sync::Arc;

use super::verdict::Recorder;
use super::verifier::Guard;

/// A guard and the recorder that writes every decision of it ([`GuardBuilder::build_recorded`]). A gate takes
/// only such a guard: a call that is not recorded does not run.
///
/// [`GuardBuilder::build_recorded`]: super::GuardBuilder::build_recorded
pub struct Recorded<R> {
    guard: Arc<Guard>,
    recorder: Arc<R>,
}

impl<R> fmt::Debug for Recorded<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.guard, f)
    }
}

impl<R> Clone for Recorded<R> {
    fn clone(&self) -> Self {
        Self {
            guard: self.guard.clone(),
            recorder: self.recorder.clone(),
        }
    }
}

impl<R: Recorder> Recorded<R> {
    pub(super) fn new(guard: Guard, recorder: Arc<R>) -> Self {
        let guard = Arc::new(guard);
        Self { guard, recorder }
    }

    /// The guard.
    #[must_use]
    pub const fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }

    /// What its decisions are recorded with.
    #[must_use]
    pub fn recorder(&self) -> &R {
        &self.recorder
    }
}
