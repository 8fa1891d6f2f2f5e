//! The side of this library in the interop test: `calls CLI FILE` and `chains FILE` write what
//! others are given; `check FILE` judges what they made.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "whatever fails here fails the command"
)]

use std::fs;
use std::path::Path;

use bailiwick_integration_tests::interop::{Made, calls, check, material};

const CALLS: usize = 200;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["calls", cli, file] => {
            let cases = calls(Path::new(cli), CALLS);
            let allowed = cases.iter().filter(|case| case.allowed).count();
            let lines: Vec<String> = cases
                .iter()
                .map(|case| serde_json::to_string(case).unwrap() + "\n")
                .collect();
            fs::write(file, lines.concat()).unwrap();
            println!("{CALLS} calls, {allowed} of them allowed");
            assert!(
                allowed * 4 >= CALLS && allowed * 4 <= CALLS * 3,
                "{allowed}"
            );
        }
        ["chains", file] => fs::write(file, serde_json::to_string(&material()).unwrap()).unwrap(),
        ["check", file] => {
            let text = fs::read_to_string(file).unwrap();
            let read = |line: &str| serde_json::from_str::<Made>(line).unwrap();
            let made: Vec<Made> = text.lines().map(read).collect();
            check(&made);
            println!("{} tokens judged as they should be", made.len());
        }
        other => panic!("`calls CLI FILE`, `chains FILE` or `check FILE`, not {other:?}"),
    }
}
