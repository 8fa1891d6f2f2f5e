//! Reading a call with 1 MiB of arguments, in one piece and in pieces of four bytes.
//!
//! `cargo bench -p bailiwick --features providers --bench stream`
//!
//! Pieces of four bytes are of two kinds: what the network cuts, and events, each of which is a JSON object of
//! its own. Events are 30 times as many bytes as what is in them, so they are compared in time and a byte that
//! was sent. Events that differ in one text alone are one case, events with a number of their own another, and
//! events with a number within what is read, which are read in full, the last.

#![expect(clippy::unwrap_used, reason = "a benchmark")]

mod common;

use bailiwick::__private::read_stream;
use common::table::{self, median, time};

const ARGUMENTS: usize = 1024 * 1024;

/// Where an event has a number of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    Nowhere,
    Outside,
    Within,
}

/// A stream in which a call has so many bytes of arguments, in events of so many.
fn stream(bytes: usize, event: usize, numbered: Number) -> String {
    let line = "a line of a file, with a \\\"quoted\\\" word\\n";
    let text: String = line.chars().cycle().take(bytes - 12).collect();
    // No escape is cut in two by the end of the text.
    let arguments = format!("{{\"text\":\"{}\"}}", text.trim_end_matches('\\'));
    let mut body = String::from(
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"fs_write\",\"arguments\":\"\"}}]},\"finish_reason\":null}]}\n\n",
    );
    for (number, piece) in arguments.as_bytes().chunks(event).enumerate() {
        let piece = serde_json::to_string(std::str::from_utf8(piece).unwrap()).unwrap();
        let number = |place| match numbered == place {
            true => format!("\"id\":{number},"),
            false => String::new(),
        };
        let (outside, within) = (number(Number::Outside), number(Number::Within));
        body.push_str(&format!(
            "data: {{{outside}\"choices\":[{{{within}\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":0,\"function\":{{\"arguments\":{piece}}}}}]}},\"finish_reason\":null}}]}}\n\n"
        ));
    }
    body.push_str("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n");
    body
}

fn main() {
    let whole = stream(ARGUMENTS, usize::MAX, Number::Nowhere);
    let events = stream(ARGUMENTS, 4, Number::Nowhere);
    let counted = stream(ARGUMENTS, 4, Number::Outside);
    let unlike = stream(ARGUMENTS, 4, Number::Within);
    let fewer = stream(ARGUMENTS / 4, 4, Number::Nowhere);
    let cases: [(&str, &str, usize); 6] = [
        ("one piece", &whole, usize::MAX),
        ("cut by the network", &whole, 4),
        ("events", &events, 1460),
        ("counted events", &counted, 1460),
        ("unlike events", &unlike, 1460),
        ("a quarter of the events", &fewer, 1460),
    ];
    let mut criterion = table::criterion("stream");
    {
        let mut group = criterion.benchmark_group("read");
        group.sample_size(10);
        for (name, body, piece) in &cases {
            group.bench_function(*name, |bencher| {
                bencher.iter(|| read_stream(body.as_bytes(), *piece).unwrap());
            });
        }
        group.finish();
    }
    let all: Option<Vec<f64>> = cases
        .iter()
        .map(|(name, ..)| median("stream", "read", name))
        .collect();
    let Some(all) = all else { return };
    let [one, cut, many, by_number, by_full, quarter] = all[..] else {
        return;
    };
    table::head(&["1 MiB of arguments", "time", "ratio", "of"]);
    let row = |name: &str, at: f64, ratio: f64, what: &str| {
        table::row([
            name.to_owned(),
            time(at),
            format!("{ratio:.2}"),
            what.to_owned(),
        ]);
    };
    let by_byte = |at: f64, body: &str| (at / body.len() as f64) / (one / whole.len() as f64);
    row("one piece", one, 1.0, "itself");
    row(
        "cut into 4 bytes by the network",
        cut,
        cut / one,
        "one piece",
    );
    for (name, at, body) in [
        ("events of 4 bytes", many, &events),
        ("events of 4 bytes, each with a number", by_number, &counted),
        ("events of 4 bytes, each read in full", by_full, &unlike),
    ] {
        row(name, at, at / one, "one piece");
        row(name, at, by_byte(at, body), "one piece, for each byte sent");
    }
    row(
        "events of 4 bytes",
        many,
        many / quarter,
        "a quarter of them: 4 is linear",
    );
}
