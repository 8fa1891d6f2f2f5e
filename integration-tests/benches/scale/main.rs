//! Many children, many calls, much that is finished.
//!
//! `cargo bench -p bailiwick-integration-tests --bench scale`, with the name of a part to measure that
//! part alone: `children`, `calls`, `resume`.

#![expect(clippy::unwrap_used, reason = "a benchmark")]

mod calls;
mod children;
#[path = "../../../sdk/benches/common/raw.rs"]
mod raw;
mod resume;
mod setup;
#[path = "../../../sdk/benches/common/table.rs"]
#[allow(dead_code, reason = "each benchmark uses its part")]
mod table;
mod tree;

use std::time::{Duration, Instant};

/// How much is measured; little where it shall only be seen that it works.
struct Effort {
    children: &'static [usize],
    /// Of each number of children.
    rounds: &'static [usize],
    calls: usize,
    finished: &'static [usize],
    resumes: usize,
}

const MEASURED: Effort = Effort {
    children: &[100, 1_000, 10_000],
    rounds: &[15, 7, 3],
    calls: 1_024,
    finished: &[10, 100, 1_000],
    resumes: 101,
};
const TRIED: Effort = Effort {
    children: &[3],
    rounds: &[1],
    calls: 64,
    finished: &[1, 3],
    resumes: 1,
};

/// How long something took, in nanoseconds.
fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// How long a future takes, in nanoseconds.
async fn timed<T>(work: impl Future<Output = T>) -> (f64, T) {
    let begun = Instant::now();
    let done = work.await;
    (nanoseconds(begun.elapsed()), done)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    // `cargo bench` says so, `cargo test` does not.
    let is_measured = arguments.iter().any(|argument| argument == "--bench");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // For who measures something else beside it, or looks where the time goes.
    if let [name, count, kept] = names.as_slice() {
        let (count, in_file) = (count.parse().unwrap(), *kept == "file");
        let each = match name.as_str() {
            "tree" => runtime.block_on(tree::measure(count, in_file)),
            _ => runtime.block_on(children::guarded(count, in_file)),
        };
        println!("{each:.0}");
        return;
    }
    let effort = if is_measured { MEASURED } else { TRIED };
    let is_asked = |name: &str| names.is_empty() || names.iter().any(|asked| *asked == name);
    if is_asked("children") {
        runtime.block_on(children::measure(&effort));
    }
    if is_asked("calls") {
        runtime.block_on(calls::measure(&effort));
    }
    if is_asked("resume") {
        runtime.block_on(resume::measure(&effort));
    }
    if !is_measured {
        runtime.block_on(tree::measure(3, true));
    }
}
