//! The work that an input causes, held against a bound; and the worst seen, printed as it grows.

use std::sync::Mutex;

use bailiwick::capability::{Work, work};

/// The most work of each kind seen so far.
static WORST: Mutex<[u64; 4]> = Mutex::new([0; 4]);

/// Does something, and fails when it took more of any kind of work than `most`: signatures, patterns,
/// steps, comparisons.
pub fn within<T>(most: [u64; 4], what: &str, run: impl FnOnce() -> T) -> T {
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

fn counts(work: Work) -> [u64; 4] {
    [work.signatures, work.patterns, work.steps, work.comparisons]
}
