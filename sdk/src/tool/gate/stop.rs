//! What stops a call.

use tokio_util::sync::{CancellationToken, DropGuard};

/// What stops a call, before its body begins and while it runs.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    /// Cancelled if the caller cancels the call or goes away: the body does not begin.
    pub(super) before_body: CancellationToken,
    /// Cancelled if the caller cancels the call: the body is stopped. A caller that merely goes away does not
    /// stop it.
    pub(super) in_body: CancellationToken,
}

impl Stop {
    /// What stops a call that `cancel` cancels. The caller keeps the guard for as long as it waits for the
    /// call.
    pub(super) fn of(cancel: &CancellationToken) -> (Self, DropGuard) {
        let before_body = cancel.child_token();
        let waits = before_body.clone().drop_guard();
        let in_body = cancel.clone();
        (
            Self {
                before_body,
                in_body,
            },
            waits,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_goes_away_stops_the_call_only_before_its_body() {
        let cancel = CancellationToken::new();
        let (stop, waits) = Stop::of(&cancel);
        assert!(!stop.before_body.is_cancelled() && !stop.in_body.is_cancelled());
        drop(waits);
        assert!(stop.before_body.is_cancelled() && !stop.in_body.is_cancelled());
        assert!(!cancel.is_cancelled());
    }

    #[test]
    fn a_call_that_is_cancelled_stops_before_its_body_and_in_it() {
        let cancel = CancellationToken::new();
        let (stop, _waits) = Stop::of(&cancel);
        cancel.cancel();
        assert!(stop.before_body.is_cancelled() && stop.in_body.is_cancelled());
    }
}
