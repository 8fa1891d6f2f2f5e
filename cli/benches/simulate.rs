//! How many calls a second `simulate` answers, the process and the printing included.
//!
//! `cargo bench -p bailiwick-cli`

#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::io::Write;
use std::process::{Command, Stdio};

use criterion::{Criterion, Throughput};

/// How often the cases of the tests are asked in one run.
const TIMES: usize = 100;

fn run(cases: &str) -> usize {
    let mut simulate = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
        .args(["simulate", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = simulate.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(cases.as_bytes()).unwrap());
        simulate.wait_with_output().unwrap()
    });
    assert!(output.status.success());
    output.stdout.iter().filter(|byte| **byte == b'\n').count()
}

fn main() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
    let cases: String = ["caveats", "constraints", "grants", "strange"]
        .iter()
        .map(|name| std::fs::read_to_string(format!("{directory}/{name}.jsonl")).unwrap())
        .collect();
    let cases = cases.repeat(TIMES);
    let calls = run(&cases);
    println!("{} tokens, {calls} calls", cases.lines().count());
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("simulate");
    group.throughput(Throughput::Elements(calls as u64));
    group.bench_function("calls", |b| b.iter(|| run(&cases)));
    group.finish();
    criterion.final_summary();
}
