//! A simple reviewer that obeys everything that it reads: it measures, and looks for a few words.

use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick_examples::script::{path_in, results, task};
use serde_json::json;

/// Reads the file of its task, does what the file says, and answers with what it found.
pub(crate) fn model() -> ScriptedModel {
    ScriptedModel::from_fn(|request| match results(request).first() {
        None if request.messages.len() > 1 => say("it cannot be read"),
        None => call("fs_read", json!({ "path": path_in(task(request)) })),
        Some((_, source)) => say(findings(source).join("\n")),
    })
    .obeying()
}

fn findings(source: &str) -> Vec<String> {
    let mut findings = Vec::new();
    // Tests may panic.
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    for (word, why) in [
        (".unwrap()", "panics on an error"),
        ("todo!(", "is not finished"),
        ("unsafe ", "wants a proof"),
    ] {
        let lines = (1..).zip(code.lines());
        let mut at = lines.filter(|(_, line)| line.contains(word) && !line.contains("//"));
        if let Some((number, _)) = at.next() {
            let further = match at.count() {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            findings.push(format!("line {number}: `{}` {why}{further}", word.trim()));
        }
    }
    let lines = source.lines().count();
    if lines > 400 {
        findings.push(format!("{lines} lines: could be two files"));
    }
    if findings.is_empty() {
        findings.push(format!("no findings in {lines} lines"));
    }
    findings
}
