//! Attack 29: the key is in one header, and nowhere else.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::server::{Server, answer, events};
use super::*;

/// Everything that is said to a log, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Fields(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Fields(&mut self.0.lock().unwrap()));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn attack_29_a_key_that_a_provider_quotes_is_in_no_error_debug_or_log() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    tracing::info!("the log is read");
    let long = "x".repeat(1000);
    for provider in [
        Provider::OpenAi,
        Provider::Anthropic,
        Provider::Ollama,
        Provider::Gemini,
    ] {
        for given in [
            answer(
                "401 Unauthorized",
                "application/json",
                "",
                &format!("{{\"error\":{{\"message\":\"wrong key {KEY}\"}}}}"),
            ),
            // The text is cut in the middle of the key.
            answer("500 Oh", "text/plain", "", &format!("{long}{KEY}{KEY}")),
            answer(
                "200 OK",
                "text/event-stream",
                "",
                &format!("data: {{{KEY}\n\n"),
            ),
            events(&[(
                "error",
                &format!(
                    "{{\"type\":\"error\",\"error\":{{\"type\":\"x\",\"message\":\"{KEY}\"}}}}"
                ),
            )]),
            answer(
                "200 OK",
                "application/x-ndjson",
                "",
                &format!("{{\"error\":\"{KEY}\"}}\n"),
            ),
            answer("302 Found", "text/plain", "location: /elsewhere\r\n", KEY),
        ] {
            let server = Server::start(vec![given]).await;
            let model = model(provider, &server);
            let error = model.generate(&conversation()).await.unwrap_err();
            let shown = format!("{error} {error:?} {model:?} {:?}", Key::new(KEY));
            for part in [&KEY[..8], &KEY[8..]] {
                assert!(!shown.contains(part), "{shown}");
            }
            assert!(server.asked()[0].head.contains(KEY));
            assert!(!server.asked()[0].body.to_string().contains(KEY));
        }
    }
    let said = log.0.lock().unwrap().clone();
    assert!(said.contains("the log is read"));
    assert!(!said.contains(KEY), "{said}");
}

#[tokio::test]
async fn attack_29_a_key_does_not_follow_a_redirect() {
    for provider in [Provider::OpenAi, Provider::Anthropic, Provider::Gemini] {
        let thief = Server::start(vec![]).await;
        let location = format!("location: {}\r\n", thief.url);
        let moved = answer("307 Temporary Redirect", "text/plain", &location, "");
        let server = Server::start(vec![moved]).await;
        let error = model(provider, &server)
            .generate(&conversation())
            .await
            .unwrap_err();
        assert!(
            !error.is_transient() && error.to_string().contains("307"),
            "{error}"
        );
        assert!(thief.asked().is_empty());
    }
}

#[tokio::test]
async fn a_key_is_asked_for_with_each_request_and_may_fail() {
    let done = events(&[
        (
            "",
            r#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#,
        ),
        ("", "[DONE]"),
    ]);
    let server = Server::start(vec![done.clone(), done]).await;
    let nth = Arc::new(Mutex::new(0));
    let key = Key::from_fn(move || {
        let mut nth = nth.lock().unwrap();
        *nth += 1;
        match *nth {
            3 => Err(ModelError::transient("the store is closed")),
            n => Ok(format!("key-{n}\n")),
        }
    });
    let model = model(Provider::OpenAi, &server).key(key);
    for _ in 0..2 {
        model.generate(&conversation()).await.unwrap();
    }
    let error = model.generate(&conversation()).await.unwrap_err();
    assert!(error.to_string().contains("closed"));
    let sent: Vec<_> = server
        .asked()
        .iter()
        .map(|asked| asked.header("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(sent, ["Bearer key-1", "Bearer key-2"]);
}

#[test]
fn a_variable_that_is_not_set_is_no_key() {
    let error = Key::from_env("BAILIWICK_TEST_NO_SUCH_KEY").unwrap_err();
    assert!(error.to_string().contains("`BAILIWICK_TEST_NO_SUCH_KEY`"));
    // One that is always there in a test run.
    let path = std::env::var("PATH").unwrap();
    let key = Key::from_env("PATH").unwrap();
    assert_eq!(*key.read().unwrap(), path.trim());
}
