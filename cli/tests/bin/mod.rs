//! Runs the real program.

#![expect(clippy::unwrap_used, reason = "a test's own plumbing")]

use std::io::Write;
use std::process::{Command, Stdio};

/// What a run left.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `bailiwick` with these arguments and this standard input.
pub(crate) fn bailiwick<S: AsRef<std::ffi::OsStr>>(args: &[S], input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A program that ends early closes its end of the pipe.
        scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
        child.wait_with_output().unwrap()
    });
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
