//! `simulate`: cases of scopes and calls, run through real tokens.
//!
//! Each case is minted and delegated with keys of its own and verified from its bytes; then its
//! calls are checked. A line is a case; lines run on all cores, a batch at a time, and their results
//! are printed in the order in which they stand.

mod case;
mod context;
mod run;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::{AtomicUsize, Ordering};

use bailiwick::capability::Kind;
use bailiwick::id::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::input;
use crate::output::{Exit, Fault, Output};
use case::{Case, Malformed};
use run::{Answer, Bench};

/// The longest line, in bytes.
const MAX_LINE: u64 = 16 * 1024 * 1024;
/// The most lines, and about the most bytes, that are in memory at once.
const BATCH: usize = 512;
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// The most threads.
const MAX_THREADS: usize = 32;

/// Run cases of scopes and calls through real tokens.
///
/// The output is one JSON object a call, with or without --json.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The file of cases, one JSON object a line, or - for standard input
    cases: String,
    /// Append blocks as foreign software could, without asking whether they are narrower
    #[arg(long)]
    raw: bool,
    /// Print only the calls whose verdict is not the expected one
    #[arg(long)]
    expect_only: bool,
}

/// A line of the file, by number.
struct Line {
    number: usize,
    text: Vec<u8>,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Fault> {
    let now = input::now(None)?.floor_to_second();
    let mut source: Box<dyn BufRead> = match args.cases.as_str() {
        "-" => Box::new(input::stdin()?),
        path => Box::new(BufReader::new(
            File::open(path).map_err(|error| Fault::file(path, &error))?,
        )),
    };
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MAX_THREADS);
    let mut exit = Exit::Done;
    let mut number = 0;
    loop {
        let lines =
            batch(&mut *source, &mut number).map_err(|error| Fault::file(&args.cases, &error))?;
        if lines.is_empty() {
            return Ok(exit);
        }
        for (line, answered) in answer(&lines, threads, args.raw, now)? {
            let answers = answered.map_err(|Malformed(what)| {
                Fault::new(format!("`{}`, line {line}: {what}", args.cases))
            })?;
            for answer in &answers {
                exit = if print(answer, args.expect_only, out)? {
                    exit
                } else {
                    Exit::Different
                };
            }
        }
    }
}

/// A line of the output.
#[derive(Serialize)]
struct Verdict<'a> {
    id: &'a Value,
    verdict: &'static str,
    kind: Option<Kind>,
    hop: Option<u32>,
}

/// Prints a verdict; whether it is as expected.
fn print(answer: &Answer, expect_only: bool, out: &mut Output) -> Result<bool, Fault> {
    if answer.difference.is_none() && expect_only {
        return Ok(true);
    }
    out.json_line(&Verdict {
        id: &answer.id,
        verdict: if answer.refused.is_some() {
            "deny"
        } else {
            "allow"
        },
        kind: answer.refused.map(|(kind, _)| kind),
        hop: answer.refused.and_then(|(_, hop)| hop),
    })?;
    if let Some(difference) = &answer.difference {
        out.note(difference);
    }
    Ok(answer.difference.is_none())
}

/// The next lines that are not blank; an empty list at the end.
fn batch(source: &mut dyn BufRead, number: &mut usize) -> std::io::Result<Vec<Line>> {
    let (mut lines, mut bytes) = (Vec::new(), 0);
    while lines.len() < BATCH && bytes < BATCH_BYTES {
        let mut text = Vec::new();
        // A line that is cut at the limit is not JSON, so it is refused and nothing after it runs.
        if source.take(MAX_LINE).read_until(b'\n', &mut text)? == 0 {
            break;
        }
        *number += 1;
        if !text.iter().all(u8::is_ascii_whitespace) {
            bytes += text.len();
            lines.push(Line {
                number: *number,
                text,
            });
        }
    }
    Ok(lines)
}

type Answered = (usize, Result<Vec<Answer>, Malformed>);

/// Answers lines on several threads, in their order.
fn answer(
    lines: &[Line],
    threads: usize,
    raw: bool,
    now: Timestamp,
) -> Result<Vec<Answered>, Fault> {
    let next = AtomicUsize::new(0);
    let work = || {
        let bench = Bench::new(raw);
        let mut done = Vec::new();
        while let Some(line) = lines.get(next.fetch_add(1, Ordering::Relaxed)) {
            let answers = Case::read(&line.text, now).and_then(|case| bench.answer(&case));
            done.push((line.number, answers));
        }
        done
    };
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.min(lines.len()))
            .map(|_| scope.spawn(work))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join())
            .collect::<Result<Vec<_>, _>>()
    });
    let mut done = done
        .map_err(|_| Fault::new("a thread stopped; this is a bug in bailiwick"))?
        .concat();
    done.sort_by_key(|(number, _)| *number);
    Ok(done)
}
