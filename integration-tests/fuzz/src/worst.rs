//! The work that an input causes, held against a bound; and the worst seen, printed as it grows.

use std::sync::Mutex;

use bailiwick::capability::{Call, Work, work};

/// The most work of each kind that something may take: signatures, patterns, steps, comparisons.
pub type Most = [u64; 4];

/// Reading a token of any bytes: at most 32 blocks, an approval with two signatures, and the proof.
pub const TOKEN: Most = [65, 16, 0, 0];

/// Minting, which compiles what it mints.
pub const MINT: Most = [0, 16, 0, 0];

/// Delegating: each value of a child that fits in a token with each of 64 grants three times, and the
/// parts that are looked for in several. Patterns of the parent are asked about the child's values.
pub const DELEGATION: Most = [0, 64, 256 * 16 * 1024 * 4, 3 * 64 * 4096 + (1 << 16) * 64];

/// Checking a call: each pattern is asked once about each text.
#[must_use]
pub fn of_call(call: &Call) -> Most {
    let texts = call.arguments().values().filter_map(|value| value.as_str());
    let bytes: usize = texts.map(str::len).sum();
    [0, 0, 256 * bytes as u64, 0]
}

/// The most work of each kind seen so far.
static WORST: Mutex<Most> = Mutex::new([0; 4]);

/// Does something, and fails when it took more of any kind of work than `most`.
pub fn within<T>(most: Most, what: &str, run: impl FnOnce() -> T) -> T {
    let before = work();
    let done = run();
    let spent = counts(work() - before);
    let bounded = spent.iter().zip(most).all(|(spent, most)| *spent <= most);
    assert!(bounded, "{what} took {spent:?}, more than {most:?}");
    let mut worst = WORST.lock().expect("nothing panics while it is held");
    let more = std::array::from_fn(|kind| worst[kind].max(spent[kind]));
    if more != *worst {
        *worst = more;
        let [signatures, patterns, steps, comparisons] = more;
        eprintln!(
            "worst: {signatures} signatures, {patterns} patterns, {steps} positions x bytes, {comparisons} comparisons"
        );
    }
    done
}

fn counts(work: Work) -> Most {
    [work.signatures, work.patterns, work.steps, work.comparisons]
}
