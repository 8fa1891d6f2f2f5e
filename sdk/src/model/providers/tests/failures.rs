//! What providers answer when they do not.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::server::{Server, answer, events, read};
use super::*;
use crate::model::{Backoff, Retrying, Timed};

const PROVIDERS: [Provider; 4] = [
    Provider::OpenAi,
    Provider::Anthropic,
    Provider::Ollama,
    Provider::Gemini,
];

fn refused(status: &str, headers: &str) -> String {
    let body = r#"{"error":{"type":"some_error","message":"no"}}"#;
    answer(status, "application/json", headers, body)
}

async fn error(provider: Provider, given: String) -> ModelError {
    let server = Server::start(vec![given]).await;
    model(provider, &server)
        .generate(&conversation())
        .await
        .unwrap_err()
}

#[tokio::test]
async fn what_may_pass_is_told_from_what_does_not() {
    for provider in PROVIDERS {
        for status in [
            "429 Too Many Requests",
            "500 Internal Server Error",
            "503 Busy",
            "529 Overloaded",
        ] {
            let error = error(provider, refused(status, "")).await;
            assert!(
                error.is_transient() && error.retry_after().is_none(),
                "{provider:?} {error}"
            );
        }
        for status in [
            "400 Bad Request",
            "401 Unauthorized",
            "403 Forbidden",
            "404 Not Found",
        ] {
            let error = error(provider, refused(status, "")).await;
            assert!(!error.is_transient(), "{provider:?} {error}");
            assert!(!error.is_unsettled(), "{provider:?} {error}");
            assert!(error.to_string().contains(&status[..3]), "{error}");
        }
    }
}

#[tokio::test]
async fn what_a_status_says_of_the_cost() {
    for provider in PROVIDERS {
        for (status, may_have_cost) in [
            ("408 Request Timeout", true),
            ("500 Oh", true),
            ("502 Bad Gateway", true),
            ("504 Gateway Timeout", true),
            ("524 A Timeout Occurred", true),
            ("429 Too Many Requests", false),
            ("503 Busy", false),
            ("529 Overloaded", false),
        ] {
            let error = error(provider, refused(status, "")).await;
            assert!(error.is_transient(), "{error}");
            assert_eq!(error.is_unsettled(), may_have_cost, "{provider:?} {error}");
        }
        // The connection is closed after the request.
        let error = error(provider, String::new()).await;
        assert!(error.is_transient() && error.is_unsettled(), "{error}");
    }
}

#[tokio::test]
async fn an_error_in_place_of_an_answer_is_told_from_one_in_its_middle() {
    let half = r#"{"choices":[{"index":0,"delta":{"content":"half"}}]}"#;
    for (said, passes, may_have_cost) in [
        (
            r#"{"error":{"type":"overloaded_error","message":"busy"}}"#,
            true,
            false,
        ),
        (
            r#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}"#,
            true,
            false,
        ),
        (
            r#"{"error":{"type":"invalid_request_error","message":"no"}}"#,
            false,
            false,
        ),
        (r#"{"error":{"code":400,"message":"no"}}"#, false, false),
        (r#"{"error":{"message":"the engine broke"}}"#, true, true),
        (r#"{"error":"the engine broke"}"#, true, true),
        (
            r#"{"object":"error","message":"no","type":"BadRequestError","code":400}"#,
            false,
            false,
        ),
    ] {
        for (before, begun) in [(None, false), (Some(half), true)] {
            let all: Vec<(&str, &str)> = before
                .into_iter()
                .chain([said])
                .map(|it| ("", it))
                .collect();
            let error = error(Provider::OpenAi, events(&all)).await;
            assert_eq!(error.is_transient(), passes, "{error}");
            assert_eq!(error.is_unsettled(), may_have_cost || begun, "{error}");
        }
        // Without a stream, too.
        let error = error(
            Provider::OpenAi,
            answer("200 OK", "application/json", "", said),
        )
        .await;
        assert_eq!(error.is_transient(), passes, "{error}");
    }
}

#[tokio::test]
async fn the_wait_that_a_provider_asks_for_is_known() {
    for (headers, wait) in [
        ("retry-after: 7\r\n", Some(Duration::from_secs(7))),
        (
            "retry-after-ms: 20\r\nretry-after: 7\r\n",
            Some(Duration::from_millis(20)),
        ),
        ("retry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n", None),
    ] {
        let error = error(Provider::OpenAi, refused("429 Too Many Requests", headers)).await;
        assert_eq!(error.retry_after(), wait);
    }
}

#[tokio::test]
async fn a_limit_passes_and_the_second_attempt_is_told_of() {
    let done = events(&[
        (
            "",
            r#"{"choices":[{"index":0,"delta":{"content":"here"},"finish_reason":"stop"}]}"#,
        ),
        ("", "[DONE]"),
    ]);
    let busy = refused("429 Too Many Requests", "retry-after-ms: 5\r\n");
    let server = Server::start(vec![busy, refused("500 Oh", ""), done]).await;
    let backoff = Backoff {
        first: Duration::from_millis(1),
        ..Backoff::default()
    };
    let model = Retrying::new(model(Provider::OpenAi, &server), backoff);
    let completion = model.generate(&conversation()).await.unwrap();
    assert_eq!(completion.text.as_deref(), Some("here"));
    assert_eq!(server.asked().len(), 3);
}

/// Some servers close a connection after an answer that did not say so. Who writes to it before the
/// end arrives is reset.
#[tokio::test]
async fn a_connection_that_is_closed_under_a_request_is_one_more_attempt() {
    let body = r#"data: {"choices":[{"index":0,"delta":{"content":"here"},"finish_reason":"stop"}]}

data: [DONE]

"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length:";
    let done = format!("{head} {}\r\n\r\n{body}", body.len());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut resets = 0;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            read(&mut stream).await;
            stream.write_all(done.as_bytes()).await.unwrap();
            // What came and was not read: the other side is told that it is lost.
            let mut first = [0];
            if stream.read(&mut first).await.unwrap() == 0 {
                return resets;
            }
            resets += 1;
        }
    });
    let model = ProviderModel::new(Provider::OpenAi, "small").unwrap();
    let backoff = Backoff {
        first: Duration::from_millis(1),
        ..Backoff::default()
    };
    let model = Retrying::new(model.base_url(&url).unwrap(), backoff);
    for _ in 0..2 {
        let completion = model.generate(&conversation()).await.unwrap();
        assert_eq!(completion.text.as_deref(), Some("here"));
    }
    drop(model);
    assert_eq!(server.await.unwrap(), 1, "the connection was used again");
}

#[tokio::test]
async fn garbage_is_an_error_that_may_pass() {
    for provider in PROVIDERS {
        for given in [
            answer(
                "200 OK",
                "text/html",
                "",
                "<html><body>a proxy says hello</body></html>",
            ),
            answer(
                "200 OK",
                "text/event-stream",
                "",
                "data: {\"choices\": [{\n\n",
            ),
            answer("200 OK", "text/event-stream", "", ""),
            "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\ncut off".to_owned(),
            "no HTTP at all\r\n\r\n".to_owned(),
            String::new(),
        ] {
            let error = error(provider, given.clone()).await;
            assert!(error.is_transient(), "{provider:?} {given} {error}");
        }
    }
    let nowhere = ProviderModel::new(Provider::OpenAi, "small")
        .unwrap()
        .base_url("http://127.0.0.1:1/")
        .unwrap();
    let error = nowhere.generate(&conversation()).await.unwrap_err();
    assert!(error.is_transient() && !error.is_unsettled(), "{error}");
}

#[tokio::test]
async fn words_before_a_break_are_told_and_the_turn_fails() {
    for (provider, broken) in [
        (
            Provider::OpenAi,
            events(&[(
                "",
                r#"{"choices":[{"index":0,"delta":{"content":"half"},"finish_reason":null}]}"#,
            )]),
        ),
        (
            Provider::Anthropic,
            events(&[
                (
                    "content_block_start",
                    r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                ),
                (
                    "content_block_delta",
                    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"half"}}"#,
                ),
            ]),
        ),
        (
            Provider::Ollama,
            events(&[(
                "",
                r#"{"choices":[{"index":0,"delta":{"content":"half"},"finish_reason":null}]}"#,
            )]),
        ),
        (
            Provider::Gemini,
            events(&[(
                "",
                r#"{"choices":[{"index":0,"delta":{"content":"half"},"finish_reason":null}]}"#,
            )]),
        ),
    ] {
        let server = Server::start(vec![broken]).await;
        let mut told = String::new();
        let error = model(provider, &server)
            .stream(&conversation(), &mut |text| told.push_str(text))
            .await
            .unwrap_err();
        assert!(error.is_transient() && error.is_unsettled(), "{error}");
        assert_eq!(told, "half", "{provider:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = Server::start(vec![]).await;
    let model = Timed::new(model(Provider::OpenAi, &server), Duration::from_millis(100));
    assert!(
        model
            .generate(&conversation())
            .await
            .unwrap_err()
            .is_transient()
    );
    assert_eq!(server.asked().len(), 1);
}
