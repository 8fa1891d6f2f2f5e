use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::Instant;

use super::*;
use crate::model::scripted::{ScriptedModel, fail, say};
use crate::model::{Message, Timed, Usage};

fn request() -> Request {
    Request::new([Message::User {
        text: "go".to_owned(),
    }])
}

fn busy() -> ModelError {
    ModelError::transient("busy")
}

/// Waits exactly half of what doubling says.
fn retrying<M>(model: M) -> Retrying<M> {
    Retrying::new(model, Backoff::default()).with_chance(|| 0)
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_after_growing_waits() {
    let model = ScriptedModel::new([fail(busy()), fail(busy()), fail(busy()), say("here")]);
    let start = Instant::now();
    let answer = retrying(model).generate(&request()).await.unwrap();
    assert_eq!(answer.text.as_deref(), Some("here"));
    assert_eq!(start.elapsed(), Duration::from_millis(250 + 500 + 1000));
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_and_the_last_error_is_told() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let model = ScriptedModel::from_fn(move |_| {
        let nth = count.fetch_add(1, Ordering::Relaxed);
        fail(ModelError::transient(format!("busy {nth}")))
    });
    let error = retrying(model).generate(&request()).await.unwrap_err();
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    assert!(error.to_string().ends_with("busy 3"), "{error}");

    let one = Backoff {
        attempts: 0,
        ..Backoff::default()
    };
    let model = ScriptedModel::new([fail(busy()), say("too late")]);
    assert!(
        Retrying::new(model, one)
            .generate(&request())
            .await
            .is_err()
    );
}

/// Tells an empty piece, and then fails; the third time it answers.
struct Breaks(AtomicU32);

#[async_trait]
impl Model for Breaks {
    async fn generate(&self, _: &Request) -> Result<Completion, ModelError> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Err(busy().unsettled()),
            1 => Err(busy()),
            _ => Ok(Completion::answer("here").with_usage(Usage {
                input: 3,
                output: 4,
                cached: 0,
            })),
        }
    }

    async fn stream(&self, request: &Request, delta: Delta<'_>) -> Result<Completion, ModelError> {
        delta("");
        self.generate(request).await
    }

    fn name(&self) -> &str {
        "breaks"
    }
}

#[tokio::test(start_paused = true)]
async fn no_words_are_not_told_and_what_may_have_cost_something_is_remembered() {
    let answer = retrying(Breaks(AtomicU32::new(0)))
        .stream(&request(), &mut |_| {})
        .await;
    let answer = answer.unwrap();
    assert_eq!(answer.text.as_deref(), Some("here"));
    // The first attempt may have cost something, so what the turn cost is more than its last attempt did.
    assert_eq!(answer.usage, None);
    // Before the second attempt alone the model cannot have worked.
    let model = retrying(Breaks(AtomicU32::new(1)));
    let answer = model.generate(&request()).await.unwrap();
    assert_eq!(answer.usage.map(Usage::total), Some(7));
    // Both attempts fail; the first may have cost something. Of one attempt alone the other may not.
    for (before, attempts, unsettled) in [(0, 2, true), (1, 1, false)] {
        let backoff = Backoff {
            attempts,
            ..Backoff::default()
        };
        let model = Retrying::new(Breaks(AtomicU32::new(before)), backoff);
        let error = model.generate(&request()).await.unwrap_err();
        assert_eq!(error.is_unsettled(), unsettled);
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_not_tried_again() {
    let model = ScriptedModel::new([fail(ModelError::permanent("refused")), say("too late")]);
    let retrying = retrying(model.clone());
    assert!(retrying.generate(&request()).await.is_err());
    assert_eq!(
        model.generate(&request()).await.unwrap().text.as_deref(),
        Some("too late")
    );
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_not_asked_sooner_than_it_said() {
    let told = |secs| fail(busy().after(Duration::from_secs(secs)));
    let start = Instant::now();
    let model = ScriptedModel::new([told(20), told(0), say("here")]);
    assert!(retrying(model).generate(&request()).await.is_ok());
    assert_eq!(start.elapsed(), Duration::from_millis(20_000 + 500));

    // Longer than it would wait: it gives up at once.
    let start = Instant::now();
    let model = ScriptedModel::new([told(31), say("too late")]);
    let error = retrying(model).generate(&request()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(31)));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[test]
fn waits_lie_between_half_and_the_whole_and_never_pass_the_longest() {
    let backoff = Backoff {
        attempts: u32::MAX,
        ..Backoff::default()
    };
    for attempt in [1, 2, 7, 8, 31, 32, 33, 1000] {
        let least = backoff.wait(attempt, None, 0).unwrap();
        let most = backoff.wait(attempt, None, u32::MAX).unwrap();
        assert_eq!(most, least * 2, "attempt {attempt}");
        assert!(most <= backoff.longest, "attempt {attempt}");
    }
    let endless = Backoff {
        first: Duration::MAX,
        longest: Duration::MAX,
        ..backoff
    };
    assert!(endless.wait(9, None, 1).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_turn_has_so_long_and_being_late_may_pass() {
    struct Slow(AtomicU32);

    #[async_trait]
    impl Model for Slow {
        async fn generate(&self, _: &Request) -> Result<Completion, ModelError> {
            if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
                sleep(Duration::from_secs(60)).await;
            }
            Ok(Completion::answer("here"))
        }

        fn name(&self) -> &str {
            "slow"
        }
    }

    let limit = Duration::from_secs(5);
    let error = Timed::new(Slow(AtomicU32::new(0)), limit)
        .generate(&request())
        .await
        .unwrap_err();
    assert!(
        error.is_transient() && error.to_string().contains("5s"),
        "{error}"
    );

    let start = Instant::now();
    let model = retrying(Timed::new(Slow(AtomicU32::new(0)), limit));
    let mut told = String::new();
    let answer = model
        .stream(&request(), &mut |text| told.push_str(text))
        .await
        .unwrap();
    assert_eq!(
        (answer.text.as_deref(), told.as_str()),
        (Some("here"), "here")
    );
    assert_eq!(start.elapsed(), Duration::from_millis(5_250));
}

#[tokio::test(start_paused = true)]
async fn words_that_were_told_are_not_told_again() {
    struct Breaks(AtomicU32);

    #[async_trait]
    impl Model for Breaks {
        async fn generate(&self, _: &Request) -> Result<Completion, ModelError> {
            Err(busy())
        }

        async fn stream(&self, _: &Request, delta: Delta<'_>) -> Result<Completion, ModelError> {
            // Fails before the first word, then after it.
            if self.0.fetch_add(1, Ordering::Relaxed) > 0 {
                delta("once");
            }
            Err(busy())
        }

        fn name(&self) -> &str {
            "breaks"
        }
    }

    let model = retrying(Arc::new(Breaks(AtomicU32::new(0))));
    let mut told = Vec::new();
    let error = model
        .stream(&request(), &mut |text| told.push(text.to_owned()))
        .await
        .unwrap_err();
    assert!(error.is_transient());
    assert_eq!(told, ["once"]);
}
