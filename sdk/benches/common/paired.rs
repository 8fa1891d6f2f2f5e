//! Two things measured in turns, so that what slows the machine down slows both.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long each thing is measured in one turn, about.
const TURN: Duration = Duration::from_millis(4);
/// How many turns each has.
const TURNS: usize = 201;

/// How much longer `ours` takes than `theirs`: the median of the ratios of neighbouring turns. What
/// `ours` is given is made before the clock runs, and what it gives back is dropped after.
pub(crate) fn ratio<I, A, B>(
    mut input: impl FnMut() -> I,
    mut ours: impl FnMut(I) -> A,
    mut theirs: impl FnMut() -> B,
) -> f64 {
    let mut ours = |times: usize| {
        let inputs: Vec<I> = (0..times).map(|_| input()).collect();
        spent(inputs, &mut ours)
    };
    let mut theirs = |times: usize| spent(vec![(); times], |()| theirs());
    let many = |once: f64| ((TURN.as_secs_f64() / once) as usize).clamp(1, 100_000);
    // The first few warm up.
    let (of_ours, of_theirs) = (
        many(ours(20).min(ours(20))),
        many(theirs(20).min(theirs(20))),
    );
    let mut ratios: Vec<f64> = (0..TURNS)
        .map(|turn| {
            // Neither is always the first.
            if turn % 2 == 0 {
                let first = ours(of_ours);
                first / theirs(of_theirs)
            } else {
                let first = theirs(of_theirs);
                ours(of_ours) / first
            }
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(TURNS / 2).copied().unwrap_or(f64::NAN)
}

/// The seconds that one takes of these.
fn spent<I, T>(inputs: Vec<I>, mut run: impl FnMut(I) -> T) -> f64 {
    let times = inputs.len() as f64;
    let mut outputs = Vec::with_capacity(inputs.len());
    let begun = Instant::now();
    for input in inputs {
        outputs.push(run(black_box(input)));
    }
    let spent = begun.elapsed().as_secs_f64() / times;
    drop(black_box(outputs));
    spent
}
