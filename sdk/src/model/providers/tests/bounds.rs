//! What somebody else's bytes cost is bounded, and linear.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::server::{Server, answer};
use super::*;

/// A stream in which a call has `bytes` of arguments in pieces of `size`.
fn arguments(provider: Provider, bytes: usize, size: usize) -> String {
    let inner = "x".repeat(bytes.saturating_sub(8));
    let text = format!("{{\"a\":\"{inner}\"}}");
    let mut body = String::new();
    if provider == Provider::Anthropic {
        body.push_str(&chunks(&[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"put","input":{}}}"#,
        ]));
    } else {
        body.push_str(&chunks(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"put"}}]}}]}"#,
        ]));
    }
    for piece in text.as_bytes().chunks(size) {
        let piece = serde_json::to_string(std::str::from_utf8(piece).unwrap()).unwrap();
        let event = if provider == Provider::Anthropic {
            format!(
                r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"input_json_delta","partial_json":{piece}}}}}"#
            )
        } else {
            format!(
                r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":0,"function":{{"arguments":{piece}}}}}]}}}}]}}"#
            )
        };
        body.push_str(&format!("data: {event}\n\n"));
    }
    body.push_str(&if provider == Provider::Anthropic {
        chunks(&[
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#,
        ])
    } else {
        chunks(&[r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#])
    });
    body
}

#[test]
fn a_mebibyte_of_arguments_in_pieces_of_four_bytes_is_copied_in_linear_work() {
    const MIB: usize = 1024 * 1024;
    for provider in [Provider::OpenAi, Provider::Anthropic] {
        for size in [4, MIB] {
            let body = arguments(provider, MIB, size);
            // What the network cuts costs nothing either.
            for cut in [4, 1460, usize::MAX] {
                let mut reading = Reading::new(provider.protocol(), "");
                for piece in body.as_bytes().chunks(cut) {
                    reading.push(piece, &mut |_| {}).unwrap();
                }
                // Into a line that is cut, into its event, into the answer.
                assert!(
                    reading.copied() <= 3 * body.len(),
                    "{provider:?} {size} {cut}"
                );
                let completion = reading.end(&mut |_| {}).unwrap();
                assert_eq!(completion.calls[0].arguments.len(), MIB);
            }
        }
    }
}

#[test]
fn twenty_thousand_calls_are_an_error_after_the_first_thousand() {
    let piece =
        |n: usize| format!(r#"{{"id":"c{n}","function":{{"name":"now","arguments":"{{}}"}}}}"#);
    let pieces: Vec<String> = (0..20_000).map(piece).collect();
    let each: Vec<&str> = pieces.iter().map(String::as_str).collect();
    for error in [calling(&each), calling(&[&each.join(",")])].map(Result::unwrap_err) {
        assert!(error.to_string().contains("calls"), "{error}");
        assert!(error.is_unsettled() && !error.is_transient());
    }
    assert_eq!(calling(&each[..1024]).unwrap().calls.len(), 1024);

    let blocks: Vec<String> = (0..20_000)
        .map(|n| format!(r#"{{"type":"tool_use","id":"c{n}","name":"now","input":{{}}}}"#))
        .collect();
    let body = format!(
        r#"{{"content":[{}],"stop_reason":"tool_use"}}"#,
        blocks.join(",")
    );
    assert!(read(Provider::Anthropic, &[body.as_bytes()]).is_err());
}

#[test]
fn an_event_of_two_hundred_mebibytes_is_an_error_after_eight() {
    let piece = vec![b'x'; 1024 * 1024];
    for begin in [
        &b"data: {\"choices\":[{\"delta\":{\"content\":\""[..],
        b": ",
    ] {
        for provider in [Provider::OpenAi, Provider::Anthropic] {
            let mut reading = Reading::new(provider.protocol(), "");
            reading.push(begin, &mut |_| {}).unwrap();
            let taken = (0..200)
                .take_while(|_| reading.push(&piece, &mut |_| {}).is_ok())
                .count();
            assert_eq!(taken, 7);
        }
    }
    // An answer that comes whole.
    let mut reading = Reading::new(Protocol::OpenAi, "");
    reading.push(b"{", &mut |_| {}).unwrap();
    let taken = (0..200)
        .take_while(|_| reading.push(&piece, &mut |_| {}).is_ok())
        .count();
    assert_eq!(taken, 31);
}

#[test]
fn words_arguments_and_thoughts_are_bounded_together() {
    let piece = "x".repeat(1024 * 1024);
    for delta in [
        format!(r#"{{"content":"{piece}"}}"#),
        format!(r#"{{"reasoning_content":"{piece}"}}"#),
        format!(r#"{{"reasoning":"{piece}"}}"#),
        format!(r#"{{"refusal":"{piece}"}}"#),
        format!(r#"{{"reasoning_details":[{{"text":"{piece}"}}]}}"#),
        format!(r#"{{"extra_content":"{piece}"}}"#),
        format!(
            r#"{{"tool_calls":[{{"index":0,"function":{{"name":"a","arguments":"{piece}"}}}}]}}"#
        ),
        format!(r#"{{"tool_calls":[{{"index":0,"function":{{"name":"{piece}"}}}}]}}"#),
    ] {
        let event = chunks(&[&format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#)]);
        let mut reading = Reading::new(Protocol::OpenAi, "");
        let taken = (0..32)
            .take_while(|_| reading.push(event.as_bytes(), &mut |_| {}).is_ok())
            .count();
        assert!(taken <= 16, "{taken} of {}", &delta[..20]);
    }
}

/// Others run while an answer is read that is always there: so a timeout fires.
#[tokio::test]
async fn a_long_answer_lets_others_run() {
    let body = arguments(Provider::OpenAi, 256 * 1024, 4);
    let turns_at_least = body.len() / (64 * 1024) / 2;
    let server = Server::at_once(answer("200 OK", "text/event-stream", "", &body)).await;
    let beats = std::sync::Arc::new(AtomicUsize::new(0));
    let heart = beats.clone();
    let beat = tokio::spawn(async move {
        loop {
            heart.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let completion = model(Provider::OpenAi, &server)
        .generate(&conversation())
        .await
        .unwrap();
    beat.abort();
    assert_eq!(completion.calls[0].arguments.len(), 256 * 1024);
    assert!(beats.load(Ordering::Relaxed) >= turns_at_least);
}
