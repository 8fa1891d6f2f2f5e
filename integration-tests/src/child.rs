//! An ignored test of the running test program, in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The running test program.
///
/// # Panics
///
/// When the operating system does not tell its file.
pub fn this() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

/// `program`, which starts the running test program, so that it runs the ignored `test` alone and its
/// output can be read.
pub fn alone(mut program: Command, test: &str) -> Command {
    program
        .args([
            "--ignored",
            "--exact",
            test,
            "--nocapture",
            "--test-threads=1",
        ])
        .stdout(Stdio::piped());
    program
}

/// The lines that a child marks with `said`, without those of the test harness.
///
/// # Panics
///
/// When the output of `child` was taken before.
pub fn said(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| Some(line.split_once("said ")?.1.to_owned()))
}
