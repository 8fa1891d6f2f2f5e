//! Reads what Criterion measured, and prints it as ratios within the run.

use std::path::PathBuf;

use criterion::Criterion;

/// Where this run's figures go, apart from those of other benchmarks.
fn directory(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join("criterion")
        .join(name)
}

/// Criterion, short enough for a run over every depth.
pub(crate) fn criterion(name: &str) -> Criterion {
    Criterion::default()
        .output_directory(&directory(name))
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(2))
        .sample_size(60)
        .configure_from_args()
}

/// The median time of one measurement in nanoseconds, if this run or one before made it.
pub(crate) fn median(name: &str, group: &str, id: &str) -> Option<f64> {
    let path = directory(name)
        .join(group)
        .join(id)
        .join("new/estimates.json");
    let text = std::fs::read_to_string(path).ok()?;
    let all: serde_json::Value = serde_json::from_str(&text).ok()?;
    all.get("median")?.get("point_estimate")?.as_f64()
}

/// A time in the unit that reads best.
pub(crate) fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.1} µs", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}

/// Prints one row of a Markdown table.
pub(crate) fn row(cells: impl IntoIterator<Item = String>) {
    let cells: Vec<String> = cells.into_iter().collect();
    println!("| {} |", cells.join(" | "));
}

/// Prints the head of a Markdown table.
pub(crate) fn head(names: &[&str]) {
    println!();
    row(names.iter().map(ToString::to_string));
    row(names.iter().map(|_| "---:".to_owned()));
}
