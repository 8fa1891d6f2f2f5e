//! What must not compile, and what it says instead.

#![allow(missing_docs)]

use std::process::Command;

/// The compiler whose words are recorded; another one words its errors otherwise.
const RECORDED: &str = "rustc 1.95.";

#[test]
fn what_must_not_compile_says_what_to_write() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    if version.starts_with(RECORDED) || std::env::var_os("CI").is_some() {
        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
    } else {
        eprintln!("not compared: the errors are recorded with {RECORDED}x, this is {version}");
    }
}
