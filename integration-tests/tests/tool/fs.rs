//! Files, reached through tokens: what was checked is what is opened.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
#![cfg(unix)]

use std::fs;

use bailiwick::capability::path_under;
use bailiwick::tool::Outcome;
use bailiwick_integration_tests::support::call;
use bailiwick_integration_tests::support::files::files;
use bailiwick_integration_tests::value;
use serde_json::Value;

#[tokio::test]
async fn files_are_read_written_appended_and_listed() {
    let files = files();
    let held = files.held(path_under("/srv/docs"));
    assert_eq!(value!(files.read(&held, "/srv/docs/sub/b.txt").await), "b");
    value!(
        files
            .write(&held, "fs.write", "/srv/docs/n.txt", "one")
            .await
    );
    value!(
        files
            .write(&held, "fs.append", "/srv/docs/n.txt", " two")
            .await
    );
    assert_eq!(
        fs::read_to_string(files.srv("docs/n.txt")).unwrap(),
        "one two"
    );
    let listed = value!(call(&files.gate, &held, "fs.list", r#"{"path":"/srv/docs"}"#).await);
    let names: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|line| &line["name"])
        .collect();
    assert_eq!(names, ["a.txt", "n.txt", "sub"]);
}

#[tokio::test]
async fn what_is_read_carries_its_taint() {
    let files = files();
    let held = files.held(path_under("/srv"));
    let Outcome::Value { exposure, .. } = files.read(&held, "/srv/docs/a.txt").await else {
        panic!()
    };
    assert!(exposure.taint.contains("file"));
}
