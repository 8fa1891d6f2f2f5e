//! The ways in which a file door can be tried.

#![cfg(target_os = "linux")]

use bailiwick::capability::Held;
use bailiwick::tool::Outcome;
use serde_json::json;

use crate::support::call;
use crate::support::files::{Files, refused};

/// Every operation of the door on a path.
pub async fn all(files: &Files, held: &Held, path: &str) -> Vec<(&'static str, Outcome)> {
    let mut outcomes = Vec::new();
    for how in ["fs.read", "fs.list", "fs.append", "fs.write"] {
        let raw = match how {
            "fs.append" | "fs.write" => json!({ "path": path, "text": "x" }),
            _ => json!({ "path": path }),
        };
        outcomes.push((how, call(&files.gate, held, how, &raw.to_string()).await));
    }
    outcomes
}

/// Every operation on a path is refused by the door.
pub async fn all_refused(files: &Files, held: &Held, path: &str) {
    for (how, outcome) in all(files, held, path).await {
        assert!(
            matches!(outcome, Outcome::Failed { .. }),
            "{how} {path}: {outcome:?}"
        );
        refused(&outcome);
    }
}

/// What this machine does not allow is not tested in silence, and not at all in a CI run.
pub fn skipped(test: &str, why: impl std::fmt::Display) {
    println!("skipped: {test}: {why}");
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
    assert!(!ci, "{test} must run in CI: {why}");
}
