//! A tree of helpers in other processes, whose store is full, locked, slow and back again, and which are
//! killed in between: every helper comes home, and budgets are exact.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use bailiwick::capability::Kind;
use bailiwick::record::{AuditEntry, AuditVerdict, Body, verify_links};
use bailiwick::store::{Head, Key, LogName, SqliteStore, Store};
use bailiwick_integration_tests::child::said;
use bailiwick_integration_tests::random::Rng;
use bailiwick_integration_tests::support::faulty;
use bailiwick_integration_tests::support::faulty::{LEAVES, MIDDLE, ROOM, Tree, WAIT};
use rusqlite::Connection;
use tokio::runtime::Runtime;

/// The answer of a run in spite of every fault: of the lead, of the middle agents and of the leaves.
const ANSWER: &str = "answer home 25";

#[test]
#[ignore = "a child of the tests below"]
fn works_while_its_store_fails() {
    let Some(tree) = Tree::given() else { return };
    Runtime::new().unwrap().block_on(tree.work());
}

/// A hand that does something to the file from outside.
struct Hand {
    file: Connection,
}

impl Hand {
    /// None while there is no file, or not one of ours yet.
    fn on(directory: &Path) -> Option<Self> {
        let path = directory.join("store");
        let file = path.exists().then(|| Connection::open(path).unwrap())?;
        file.busy_timeout(Duration::from_secs(30)).unwrap();
        // What this hand writes need not outlive a power cut.
        file.pragma_update(None, "synchronous", "off").unwrap();
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'entry'";
        let ours: u32 = file.query_row(tables, [], |row| row.get(0)).unwrap();
        (ours == 1).then_some(Self { file })
    }

    fn number(&self, pragma: &str) -> u64 {
        let sql = format!("PRAGMA {pragma}");
        self.file.query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    /// Holds the write lock for this long, so that no other connection writes.
    fn lock(&self, held: Duration) {
        self.file.execute_batch("BEGIN IMMEDIATE").unwrap();
        std::thread::sleep(held);
        self.file.execute_batch("ROLLBACK").unwrap();
    }

    /// Leaves hardly a page of room, for as long as this.
    fn fill(&self, held: Duration) {
        let sql = "CREATE TABLE IF NOT EXISTS ballast (bytes BLOB)";
        self.file.execute_batch(sql).unwrap();
        let page = self.number("page_size");
        while self.number("page_count") * page < ROOM || self.number("freelist_count") > 4 {
            let missing = ROOM.saturating_sub(self.number("page_count") * page);
            let bytes = missing.max(self.number("freelist_count").saturating_sub(2) * page);
            let sql = "INSERT INTO ballast VALUES (zeroblob(?1))";
            self.file
                .execute(sql, [bytes.saturating_sub(page).max(page)])
                .unwrap();
        }
        std::thread::sleep(held);
        self.file.execute_batch("DELETE FROM ballast").unwrap();
    }
}

/// How often each thing happened.
#[derive(Debug, Default)]
struct Happened {
    kills: usize,
    faults: usize,
    unkept: usize,
    unknown: usize,
    waits: usize,
}

/// Does things to the store of a process until it ends, or kills it; what it said last.
fn one(directory: &Path, rng: &mut Rng, may_kill: bool, happened: &mut Happened) -> Option<String> {
    let mut child = faulty::child("faults::works_while_its_store_fails", directory);
    let lines = said(&mut child);
    let (sender, heard): (_, Receiver<String>) = channel();
    let listener = std::thread::spawn(move || lines.for_each(|line| drop(sender.send(line))));
    let killed_at = Instant::now() + Duration::from_millis(rng.below(700));
    let mut last = None;
    loop {
        if may_kill && Instant::now() > killed_at {
            child.kill().unwrap();
            happened.kills += 1;
            break;
        }
        if let Some(hand) = Hand::on(directory) {
            // Some are waited for, and some are not.
            let held = Duration::from_millis(rng.below(3 * WAIT.as_millis() as u64));
            match rng.below(3) {
                0 => hand.lock(held),
                1 => hand.fill(held),
                _ => std::thread::sleep(held),
            }
            happened.faults += 1;
        }
        let next = Instant::now() + Duration::from_millis(rng.below(100));
        loop {
            match heard.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    happened.unkept += usize::from(line.starts_with("unkept"));
                    happened.unknown += usize::from(line.starts_with("unknown"));
                    happened.waits += usize::from(line.starts_with("waits"));
                    last = Some(line);
                }
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    assert!(
                        child.wait().unwrap().success(),
                        "the child failed: {last:?}"
                    );
                    listener.join().unwrap();
                    return last;
                }
            }
        }
    }
    child.wait().unwrap();
    listener.join().unwrap();
    None
}

/// What is left of a run.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    /// What was used of all budgets, by kind.
    budgets: BTreeMap<String, u64>,
    /// How many agents got a token.
    hops: usize,
    /// How many of their ends are on the record.
    ends: usize,
    /// How many agents have not ended, and calls and spawns that are still open.
    open: usize,
}

fn left(directory: &Path) -> (Left, usize) {
    let file = Connection::open(directory.join("store")).unwrap();
    let mut used = file
        .prepare("SELECT kind, sum(used) FROM budgets GROUP BY kind")
        .unwrap();
    let rows = used.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let budgets = rows.unwrap().map(Result::unwrap).collect();
    Runtime::new().unwrap().block_on(async {
        let store = SqliteStore::open(directory.join("store")).unwrap();
        let audit = LogName::of(["audit"]);
        let entries = store.log(&audit, 0, usize::MAX).await.unwrap();
        verify_links(&audit, Head::empty(&audit), &entries).unwrap();
        let (mut hops, mut ends, mut lost) = (0, 0, 0);
        for entry in &entries {
            match AuditEntry::parse(&entry.body).unwrap().body {
                Body::Hop { .. } => hops += 1,
                Body::Ended { .. } => ends += 1,
                Body::Outcome { error, .. } => {
                    lost += usize::from(
                        error.is_some_and(|error| error.contains("may have had its effect")),
                    );
                }
                Body::Attempt {
                    verdict, detail, ..
                } => {
                    // What the store could not do is no refusal of the guard's.
                    let store = detail.is_some_and(|detail| detail.contains("store"));
                    assert!(verdict == AuditVerdict::Allowed || store, "refused");
                }
                Body::Denials { refusal, .. } => {
                    assert_eq!(refusal, Kind::Unavailable, "refused");
                }
            }
        }
        let values = store
            .scan(&Key::of(["run"]), None, usize::MAX)
            .await
            .unwrap();
        let is_open = |(key, _): &&(Key, _)| {
            ["agents", "calls", "spawning"].contains(&key.parts()[2].as_str())
        };
        let open = values.iter().filter(is_open).count();
        let left = Left {
            budgets,
            hops,
            ends,
            open,
        };
        (left, lost)
    })
}

/// What must hold once a run came to its end.
fn whole(directory: &Path, calm: &Left, at: &str) {
    let (left, lost) = left(directory);
    assert_eq!(left, *calm, "{at}");
    assert_eq!(
        left.budgets.get("agents"),
        None,
        "{at}: an agent counts as alive"
    );
    // All of them may have been cut off.
    let text = fs::read_to_string(directory.join("effects")).unwrap_or_default();
    let effects: Vec<&str> = text.lines().collect();
    let distinct: BTreeSet<_> = effects.iter().collect();
    assert_eq!(distinct.len(), effects.len(), "{at}: done twice");
    assert!(effects.len() + lost >= MIDDLE * LEAVES, "{at}: lost");
}

/// What a run leaves that nothing interrupts.
fn calm() -> Left {
    let directory = tempfile::tempdir().unwrap();
    let mut child = faulty::child("faults::works_while_its_store_fails", directory.path());
    let last = said(&mut child).last();
    assert!(child.wait().unwrap().success());
    assert_eq!(last.as_deref(), Some(ANSWER));
    let (left, lost) = left(directory.path());
    let agents = 1 + MIDDLE + MIDDLE * LEAVES;
    assert_eq!(
        (left.hops, left.ends, left.open, lost),
        (agents, agents, 0, 0)
    );
    left
}

#[test]
fn every_helper_comes_home_whatever_happens_to_the_store_and_the_process() {
    let seed = std::env::var("BAILIWICK_SEED").map_or(20_261_128, |seed| seed.parse().unwrap());
    let kills = std::env::var("BAILIWICK_KILLS").map_or(8, |kills| kills.parse().unwrap());
    let (mut rng, calm) = (Rng::new(seed), calm());
    let (mut happened, mut runs) = (Happened::default(), 0);
    while happened.kills < kills {
        let directory = tempfile::tempdir().unwrap();
        let before = happened.kills;
        for process in 0.. {
            assert!(process < 100, "it never ends: {happened:?}");
            // One that goes on without being killed, so that there is an end to it.
            let may_kill = happened.kills < kills && happened.kills < before + 4;
            let last = one(directory.path(), &mut rng, may_kill, &mut happened);
            if let Some(last) = last {
                assert_eq!(last, ANSWER, "run {runs}, process {process}: {happened:?}");
                break;
            }
        }
        whole(
            directory.path(),
            &calm,
            &format!("run {runs}: {happened:?}"),
        );
        runs += 1;
    }
    println!("{runs} runs: {happened:?}");
    assert!(
        happened.unkept + happened.waits > 0,
        "the store never failed: {happened:?}"
    );
}
