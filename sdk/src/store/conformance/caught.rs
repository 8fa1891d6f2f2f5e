//! Turns a panic of a case into its message, so that the cases after it run too.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// What the future panicked with, or nothing where it ended.
pub(super) async fn caught(case: impl Future<Output = ()>) -> Result<(), String> {
    let mut case = pin!(case);
    poll_fn(|context| {
        // The case and its store are not used again after a panic.
        let polled = catch_unwind(AssertUnwindSafe(|| case.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
            Err(panic) => Poll::Ready(Err(message(&*panic))),
        }
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else {
        "a panic without a message".to_owned()
    }
}
