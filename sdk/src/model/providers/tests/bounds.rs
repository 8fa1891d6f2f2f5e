//! The cost of bytes from a server is bounded, and linear.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::server::{Server, answer};
use super::*;
use crate::model::Timed;

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
                // All but the first and the last event are as the one before.
                assert!(reading.read_in_full() <= 5, "{provider:?} {size} {cut}");
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
    // White space, before it is known what comes.
    let blank = vec![b'\n'; 1024 * 1024];
    let mut reading = Reading::new(Protocol::OpenAi, "");
    let taken = (0..200)
        .take_while(|_| reading.push(&blank, &mut |_| {}).is_ok())
        .count();
    assert_eq!(taken, 32);
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

/// A server that writes `head` and then `piece` again and again, as long as the client takes it.
async fn flood(head: &'static str, piece: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let piece = piece.clone();
            tokio::spawn(async move {
                super::server::read(&mut stream).await;
                let start = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
                let mut is_taken = stream.write_all(start.as_bytes()).await.is_ok()
                    && stream.write_all(head.as_bytes()).await.is_ok();
                while is_taken {
                    is_taken = stream.write_all(&piece).await.is_ok();
                }
            });
        }
    });
    url
}

fn timed(provider: Provider, url: &str, limit: Duration) -> Timed<ProviderModel> {
    let model = ProviderModel::new(provider, "small").unwrap();
    Timed::new(model.base_url(url).unwrap(), limit)
}

/// The thread of the executor is the only one: the limit passes while bytes are always there to be read.
#[tokio::test]
async fn a_limit_of_time_passes_within_an_answer_that_has_no_end() {
    let event = b"data: {\"choices\":[{\"delta\":{\"content\":\"\"}}]}\n\n".repeat(2048);
    let ping = b"event: ping\ndata: {\"type\": \"ping\"}\n\n".repeat(2048);
    for (provider, piece) in [
        (Provider::OpenAi, event),
        (Provider::Anthropic, ping),
        (Provider::OpenAi, b": alive\n\n".repeat(4096)),
        (Provider::Anthropic, vec![b'\n'; 4096]),
    ] {
        let url = flood("", piece).await;
        // Far less than all that is read of a stream takes.
        let model = timed(provider, &url, Duration::from_millis(20));
        for streamed in [false, true] {
            let error = match streamed {
                true => model.stream(&conversation(), &mut |_| {}).await,
                false => model.generate(&conversation()).await,
            }
            .unwrap_err();
            assert!(error.to_string().contains("longer than 20ms"), "{error}");
            assert!(error.is_transient() && error.is_unsettled());
        }
    }
}

/// Whichever comes first, the bound or the limit: the call ends, and others ran meanwhile.
#[tokio::test]
async fn others_run_while_one_long_event_and_many_calls_are_read() {
    let mebi = vec![b'x'; 1024 * 1024];
    let long = flood("data: {\"choices\":[{\"delta\":{\"content\":\"", mebi).await;
    let piece =
        |n: usize| format!(r#"{{"id":"c{n}","function":{{"name":"now","arguments":"{{}}"}}}}"#);
    let pieces: Vec<String> = (0..20_000).map(piece).collect();
    let event =
        |pieces: &str| format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{pieces}]}}}}]}}"#);
    let together = chunks(&[&event(&pieces.join(","))]);
    let each: Vec<String> = pieces.iter().map(|piece| event(piece)).collect();
    let each = chunks(&each.iter().map(String::as_str).collect::<Vec<_>>());
    let (together, each) = [together, each]
        .map(|body| answer("200 OK", "text/event-stream", "", &body))
        .into();
    let (together, each) = (Server::at_once(together).await, Server::at_once(each).await);
    for (url, turns, what) in [
        (&long, 64, "a line"),
        (&together.url, 8, "calls"),
        (&each.url, 1, "calls"),
    ] {
        let beats = Arc::new(AtomicUsize::new(0));
        let heart = beats.clone();
        let beat = tokio::spawn(async move {
            loop {
                heart.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        let model = timed(Provider::OpenAi, url, Duration::from_secs(600));
        let error = model.generate(&conversation()).await.unwrap_err();
        beat.abort();
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.is_unsettled() && !error.is_transient());
        assert!(beats.load(Ordering::Relaxed) >= turns, "{what}");
    }
}

/// Others run while an answer is read that is always there: so a timeout fires.
#[tokio::test]
async fn a_long_answer_lets_others_run() {
    let body = arguments(Provider::OpenAi, 256 * 1024, 4);
    let turns_at_least = body.len() / (64 * 1024) / 2;
    let server = Server::at_once(answer("200 OK", "text/event-stream", "", &body)).await;
    let beats = Arc::new(AtomicUsize::new(0));
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
