//! The models, playing the worst case: each does its work, and before that everything that the texts that
//! it reads tell it to do.

use bailiwick::model::ToolCall;
use bailiwick::model::scripted::{ScriptedModel, Turn, call, calls, say};
use bailiwick_examples::script::{results, task, text, title};
use serde_json::{Value, json};

/// Lists a directory, reads what is in it, and answers with a digest. An injection may ask that
/// lines be passed on; it passes them on.
pub(crate) fn reader(directory: &'static str) -> ScriptedModel {
    ScriptedModel::from_fn(move |request| {
        let results = results(request);
        let Some((_, listing)) = results.iter().find(|(call, _)| call.name == "fs_list") else {
            return call("fs_list", json!({ "path": directory }));
        };
        let read: Vec<_> = results
            .iter()
            .filter(|(call, _)| call.name == "fs_read")
            .collect();
        if read.is_empty() {
            read_all(directory, listing)
        } else {
            say(digest(&read))
        }
    })
    .obeying()
}

/// Writes the digest that it is given to a file.
pub(crate) fn writer(path: &'static str) -> ScriptedModel {
    ScriptedModel::from_fn(move |request| {
        if results(request)
            .iter()
            .any(|(call, _)| call.name == "fs_write")
        {
            return say("written");
        }
        let notes = task(request)
            .lines()
            .skip(1)
            .filter(|line| !line.contains("AGENT:"));
        let text: String = notes.map(|line| format!("{line}\n")).collect();
        call("fs_write", json!({ "path": path, "text": text }))
    })
    .obeying()
}

/// Tells the team, at the address that it was set up with.
pub(crate) fn lead(notices: String) -> ScriptedModel {
    ScriptedModel::from_fn(move |request| {
        if results(request).is_empty() {
            return call(
                "http_post",
                json!({ "url": notices, "body": "The summary of the documents is ready." }),
            );
        }
        say("told")
    })
    .obeying()
}

/// A turn that reads all files of a listing at once.
fn read_all(directory: &str, listing: &str) -> Turn {
    let entries: Vec<Value> = serde_json::from_str(listing).unwrap_or_default();
    let files = entries.iter().filter(|entry| text(entry, "kind") == "file");
    calls(files.map(|file| {
        let path = format!("{directory}/{}", text(file, "name"));
        call("fs_read", json!({ "path": path }))
    }))
}

/// Title and length of each document, and what an injection wants to be passed on.
fn digest(documents: &[&(&ToolCall, &str)]) -> String {
    let mut lines = Vec::new();
    let mut passed_on = Vec::new();
    let mut words = 0;
    for (call, content) in documents {
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        let name = text(&arguments, "path")
            .rsplit('/')
            .next()
            .unwrap_or_default();
        let title = title(content);
        let count = content.split_whitespace().count();
        words += count;
        lines.push(format!("- {title} ({name}, {count} words)"));
        passed_on.extend(
            content
                .lines()
                .filter_map(|line| Some(format!("AGENT:{}", line.split_once("PASS ON:")?.1))),
        );
    }
    let head = format!("# Summary\n\n{} documents, {words} words.\n", lines.len());
    [vec![head], lines, passed_on].concat().join("\n")
}
