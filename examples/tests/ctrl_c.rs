//! Ctrl-C: all agents end and are shown to have ended; a second one does not wait for them.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "the functions that tests share are test code too"
)]

mod common;

use std::future::pending;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bailiwick::{Authority, Orchestrator, Scope};
use bailiwick_examples::screen::Screen;
use bailiwick_examples::stage::{self, Fault};
use common::tree;

/// Against hanging only.
const LONG: Duration = Duration::from_secs(120);

/// A program that is at work, killed where the test fails.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// Reads up to a line with this in it.
    fn until(&self, part: &str) -> String {
        let mut text = String::new();
        while !text.contains(part) {
            text.push_str(&self.lines.recv_timeout(LONG).unwrap());
            text.push('\n');
        }
        text
    }

    fn interrupt(&self) {
        // A builtin of every shell.
        let kill = format!("kill -INT {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Reads to the end: the other lines, what was said of errors, and the status.
    fn end(mut self) -> (String, String, Option<i32>) {
        let mut text = String::new();
        while let Ok(line) = self.lines.recv_timeout(LONG) {
            text.push_str(&line);
            text.push('\n');
        }
        let mut errors = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut errors).unwrap();
        (text, errors, self.child.wait().unwrap().code())
    }
}

#[test]
fn every_agent_of_every_example_has_its_end() {
    for program in [
        env!("CARGO_BIN_EXE_research_team"),
        env!("CARGO_BIN_EXE_code_review"),
        env!("CARGO_BIN_EXE_budget"),
        env!("CARGO_BIN_EXE_quickstart"),
    ] {
        // A turn takes ten minutes, so that all of them are in the midst of their first.
        let running = Running::start(Command::new(program).args(["--pace", "600000"]));
        let before = running.until("└ ");
        running.interrupt();
        let (text, errors, code) = running.end();
        assert_eq!(code, Some(130), "{program}: {text}{errors}");
        assert!(text.contains("Ctrl-C: the agents are cancelled"), "{text}");
        let tree = tree(&text);
        // Those that were told to begin in the meantime are among them.
        let begun = format!("{before}{text}").matches("  hop ").count();
        assert!(begun >= 2, "{text}");
        assert_eq!(tree.len(), begun, "{program}: {text}");
        for (agent, allowed, _, how) in &tree {
            assert_eq!(*allowed, 0, "{agent}: {text}");
            let ends = ["ended: cancelled", "ended: dropped"];
            assert!(ends.contains(&how.as_str()), "{agent}: {text}");
        }
        let cancelled = tree.iter().filter(|row| row.3 == "ended: cancelled");
        assert!(cancelled.count() >= 1, "{text}");
        assert!(
            errors.contains("interrupted; every agent has ended"),
            "{errors}"
        );
    }
}

/// Set where this program is to run `work_that_does_not_stop`.
const RERUN: &str = "BAILIWICK_WORK_THAT_DOES_NOT_STOP";

#[test]
#[ignore = "goes on for ever; it is run by the test of the second Ctrl-C"]
fn work_that_does_not_stop() {
    if std::env::var_os(RERUN).is_none() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let orchestrator = Orchestrator::builder(&Authority::generate())
            .build()
            .unwrap();
        let work = async {
            let _lead = orchestrator.agent("lead", Scope::new()).await?;
            pending::<Result<(), Fault>>().await
        };
        let _ = stage::watch(&orchestrator, Screen::new(), work).await;
    });
}

#[test]
fn a_second_one_ends_the_program_at_once() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--ignored",
        "--exact",
        "work_that_does_not_stop",
        "--nocapture",
    ]);
    let mut running = Running::start(command.env(RERUN, "1"));
    running.until("lead  hop 0");
    running.interrupt();
    running.until("Ctrl-C: the agents are cancelled");
    assert_eq!(running.child.try_wait().unwrap(), None);
    running.interrupt();
    let (_, _, code) = running.end();
    assert_eq!(code, Some(130));
}
