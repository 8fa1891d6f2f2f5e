//! A call that is about to be decided, and what is asked beside the decision.

use std::fmt;
use std::future::{IntoFuture, pending};
use std::pin::Pin;

use super::context::Context;
use super::verdict::{Presented, Verdict};
use super::verifier::Guard;
use crate::capability::Call;
use crate::id::CallId;
use crate::store::Batch;

type Extra<'a> = Box<dyn FnOnce(CallId) -> Batch + Send + 'a>;
type Gone<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A call that is about to be decided ([`Guard::authorize`]); await it for the [`Verdict`].
#[must_use = "a call is decided when this is awaited"]
pub struct Authorization<'a> {
    guard: &'a Guard,
    presented: Presented<'a>,
    call: Call,
    context: Context,
    extra: Option<Extra<'a>>,
    gone: Option<Gone<'a>>,
}

impl fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("presented", &self.presented)
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}

impl<'a> Authorization<'a> {
    pub(super) const fn new(
        guard: &'a Guard,
        presented: Presented<'a>,
        call: Call,
        context: Context,
    ) -> Self {
        Self {
            guard,
            presented,
            call,
            context,
            extra: None,
            gone: None,
        }
    }

    /// Writes more if the call is allowed, in the same batch as the call's charges to budgets and its entry in
    /// the log: either all of it is written or none of it.
    ///
    /// If an expectation in it does not hold, the call is refused.
    pub fn and(mut self, extra: impl FnOnce(CallId) -> Batch + Send + 'a) -> Self {
        self.extra = Some(Box::new(extra));
        self
    }

    /// Stops waiting for the policy once `gone` is done, and denies the call then: the caller has cancelled
    /// it. A batch whose write has begun by then is still written.
    pub fn until(mut self, gone: impl Future<Output = ()> + Send + 'a) -> Self {
        self.gone = Some(Box::pin(gone));
        self
    }

    async fn decide(self) -> Verdict {
        let extra = self.extra.unwrap_or_else(|| Box::new(|_| Batch::new()));
        let gone = self.gone.unwrap_or_else(|| Box::pin(pending()));
        self.guard
            .verdict(self.presented, self.call, self.context, extra, gone)
            .await
    }
}

impl<'a> IntoFuture for Authorization<'a> {
    type Output = Verdict;
    type IntoFuture = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.decide())
    }
}
