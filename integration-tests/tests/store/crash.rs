//! A store of SQLite and processes: killed at any moment, out of disk, without leave to write, and
//! two at once for one unit.
//!
//! A killed process says nothing of a power cut: what the operating system has, it keeps. That what
//! was answered is on the disk rests on SQLite (`synchronous = FULL`) and on the disk.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg(unix)]

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bailiwick::record::verify_links;
use bailiwick::store::{Batch, Expected, Head, Key, LogName, SqliteStore, Store};
use bailiwick_integration_tests::child::{alone, said, this};
use bailiwick_integration_tests::random::Rng;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// The store that a child of these tests opens.
const PATH: &str = "BAILIWICK_TEST_STORE";

fn done() -> LogName {
    LogName::of(["done"])
}

/// The work `name`, which leaves a mark everywhere and can be done once.
fn work(name: &str) -> Batch {
    let key = Key::of(["work", name]);
    Batch::new()
        .expect(key.clone(), Expected::Absent)
        .append(done(), format!("\"{name}\""))
        .add(Key::of(["done"]), 1, None)
        .put(key, "true")
}

/// A test of this file in a process of its own, which `program` starts.
fn child(program: Command, test: &str, path: &Path) -> Child {
    alone(program, test)
        .env(PATH, path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

/// In a child, the store that it was started for; nothing in a run of every ignored test.
fn given() -> Option<PathBuf> {
    std::env::var_os(PATH).map(PathBuf::from)
}

/// Every write that was reported as done is there, whole, and no write is there in part.
async fn whole(store: &SqliteStore, said: &BTreeSet<String>) -> u64 {
    let entries = store.log(&done(), 0, usize::MAX).await.unwrap();
    let head = verify_links(&done(), Head::empty(&done()), &entries).unwrap();
    assert_eq!(head, store.head(&done()).await.unwrap());
    let logged: BTreeSet<_> = entries
        .iter()
        .map(|entry| entry.body.trim_matches('"').to_owned())
        .collect();
    assert_eq!(logged.len(), entries.len(), "done twice");
    let lost: Vec<_> = said.difference(&logged).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let values = store
        .scan(&Key::of(["work"]), None, usize::MAX)
        .await
        .unwrap();
    let kept: BTreeSet<_> = values
        .iter()
        .map(|(key, _)| key.parts()[1].clone())
        .collect();
    assert_eq!(kept, logged);
    let versions: BTreeSet<_> = values.iter().map(|(_, value)| value.version).collect();
    assert_eq!(versions.len(), values.len(), "a version came back");
    assert_eq!(store.counter(&Key::of(["done"])).await.unwrap(), head.seq);
    head.seq
}

#[test]
#[ignore = "a child of the test below"]
fn works_until_it_is_killed() {
    let Some(path) = given() else { return };
    let run = std::process::id();
    Runtime::new().unwrap().block_on(async {
        let store = Arc::new(SqliteStore::open(path).unwrap());
        let mut tasks = JoinSet::new();
        for task in 0..4 {
            let store = store.clone();
            tasks.spawn(async move {
                for number in 0.. {
                    let name = format!("{run}-{task}-{number}");
                    store.commit(work(&name)).await.unwrap();
                    println!("said {name}");
                }
            });
        }
        tasks.join_all().await;
    });
}

#[test]
fn attack_21_whatever_moment_a_process_is_killed_at_nothing_is_lost_or_half_done() {
    let seed = std::env::var("BAILIWICK_SEED").map_or(20_261_122, |seed| seed.parse().unwrap());
    let kills = std::env::var("BAILIWICK_KILLS").map_or(25, |kills| kills.parse().unwrap());
    let mut rng = Rng::new(seed);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let (mut all, mut before) = (BTreeSet::new(), 0);
    for kill in 0..kills {
        let mut child = child(this(), "crash::works_until_it_is_killed", &path);
        let mut lines = said(&mut child);
        // Sometimes while it opens the file, or makes it.
        let mut heard = Vec::new();
        if kill % 5 != 0 {
            heard.extend(lines.by_ref().take(rng.below(120) as usize));
        }
        std::thread::sleep(Duration::from_micros(rng.below(20_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        heard.extend(lines);
        all.extend(heard);
        let after = Runtime::new().unwrap().block_on(async {
            let store = SqliteStore::open(&path).unwrap();
            whole(&store, &all).await
        });
        assert!(after >= before);
        before = after;
    }
    println!(
        "{kills} kills: {} were said to be done, {before} are",
        all.len()
    );
    assert!(all.len() > kills, "the children did hardly anything");
}

#[test]
#[ignore = "a child of the test below"]
fn races_for_what_is_left() {
    let Some(path) = given() else { return };
    println!("said ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    Runtime::new().unwrap().block_on(async {
        let store = Arc::new(SqliteStore::open(path).unwrap());
        let mut tasks = JoinSet::new();
        for task in 0..8 {
            let store = store.clone();
            tasks.spawn(async move {
                let unit = Batch::new().add(Key::of(["units"]), 1, Some(10));
                let name = format!("{}-{task}", std::process::id());
                let won = store.commit(unit.and(work(&name))).await.is_ok();
                let own = format!("own-{name}");
                store.commit(work(&own)).await.unwrap();
                println!("said {own}");
                if won {
                    println!("said {name}");
                }
            });
        }
        tasks.join_all().await;
    });
}

/// Three processes with eight tasks each open the store at once, and want a unit of what is left.
fn race(path: &Path, left: usize) {
    let mut children: Vec<_> = (0..3)
        .map(|_| {
            let mut child = child(this(), "crash::races_for_what_is_left", path);
            let mut lines = said(&mut child);
            assert_eq!(lines.next().as_deref(), Some("ready"));
            (child, lines)
        })
        .collect();
    for (child, _) in &mut children {
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    let mut done = BTreeSet::new();
    for (mut child, lines) in children {
        done.extend(lines);
        assert!(child.wait().unwrap().success());
    }
    let won = done.iter().filter(|name| !name.starts_with("own-")).count();
    assert_eq!((won, done.len()), (left, left + 24));
    Runtime::new().unwrap().block_on(async {
        let store = SqliteStore::builder(path).must_exist().open().unwrap();
        assert_eq!(store.counter(&Key::of(["units"])).await.unwrap(), 10);
        assert_eq!(whole(&store, &done).await, done.len() as u64);
    });
}

#[test]
fn attack_21_of_processes_that_race_for_the_last_unit_one_gets_it() {
    for _ in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let store = SqliteStore::open(&path).unwrap();
        let nine = Batch::new().add(Key::of(["units"]), 9, Some(10));
        Runtime::new()
            .unwrap()
            .block_on(store.commit(nine))
            .unwrap();
        race(&path, 1);
    }
}

#[test]
fn processes_that_make_the_file_at_once_make_one() {
    for _ in 0..10 {
        let directory = tempfile::tempdir().unwrap();
        race(&directory.path().join("store"), 10);
    }
}

#[test]
#[ignore = "a child of the test below"]
fn works_until_the_disk_is_full() {
    let Some(path) = given() else { return };
    Runtime::new().unwrap().block_on(async {
        let store = SqliteStore::open(path).unwrap();
        let mut fault = None;
        for number in 0..100_000 {
            let name = format!("{number:0>500}");
            match store.commit(work(&name)).await {
                Ok(_) => println!("said {name}"),
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        println!("said fault {}", fault.expect("there is no end to the disk"));
        // It stays an error, and what is kept can be read.
        assert!(store.commit(work("more")).await.is_err());
        println!(
            "said read {}",
            store.counter(&Key::of(["done"])).await.unwrap()
        );
    });
}

#[test]
fn a_disk_that_is_full_is_an_error_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    drop(SqliteStore::open(&path).unwrap());
    // No file may grow past the limit, and a process that tries gets an error and is not killed.
    let mut limited = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 6000; exec \"$0\" \"$@\"";
    limited.args(["-c", script]).arg(this().get_program());
    let mut child = child(limited, "crash::works_until_the_disk_is_full", &path);
    let (mut done, mut fault, mut read) = (BTreeSet::new(), String::new(), String::new());
    for line in said(&mut child) {
        match line.split_once(' ') {
            Some(("fault", what)) => fault = what.to_owned(),
            Some(("read", count)) => read = count.to_owned(),
            _ => drop(done.insert(line)),
        }
    }
    assert!(child.wait().unwrap().success());
    assert!(fault.contains(path.to_str().unwrap()), "{fault}");
    assert!(
        fault.contains("is full") || fault.contains("cannot be read or written"),
        "{fault}"
    );
    println!("{} were done, then: {fault}", done.len());
    assert!(done.len() > 50, "{}", done.len());
    assert_eq!(read, done.len().to_string());
    Runtime::new().unwrap().block_on(async {
        let store = SqliteStore::open(&path).unwrap();
        whole(&store, &done).await;
        store.commit(work("more")).await.unwrap();
    });
}

#[test]
#[ignore = "a child of the test below"]
fn opens_what_it_may_not_write() {
    let Some(path) = given() else { return };
    println!("said {}", SqliteStore::open(path).unwrap_err());
}

#[test]
fn a_file_that_may_not_be_written_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    drop(SqliteStore::open(&path).unwrap());
    // The last connection to be closed takes the log away, which is this user's alone.
    let log = directory.path().join("store-wal");
    for _ in 0..2000 {
        if !log.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!log.exists(), "the store is still open");
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(directory.path(), 0o755);
    mode(&path, 0o444);
    // Root may write in spite of the mode, so another user tries. The path to this program may be
    // closed to that user, its file is not.
    let root = std::fs::OpenOptions::new().append(true).open(&path).is_ok();
    let user = || {
        let mut program = Command::new("/proc/self/exe");
        program.current_dir("/").uid(65_534).gid(65_534);
        if root { program } else { this() }
    };
    let opened = |path: &Path| {
        let mut child = child(user(), "crash::opens_what_it_may_not_write", path);
        let said: Vec<_> = said(&mut child).collect();
        assert!(child.wait().unwrap().success());
        said.concat()
    };
    let said = opened(&path);
    assert!(
        said.contains("is read-only") && said.contains("store"),
        "{said}"
    );
    // The file alone is not enough: two others are made beside it.
    mode(&path, 0o666);
    mode(directory.path(), 0o555);
    let said = opened(&path);
    assert!(
        said.contains("is read-only") || said.contains("cannot be opened"),
        "{said}"
    );
    println!("{said}");
    let said = opened(&directory.path().join("new"));
    assert!(said.contains("cannot be made"), "{said}");
    mode(directory.path(), 0o755);
}

/// Makes a store as a build of version 2 left it, with five works done.
fn of_version_2(path: &Path) -> BTreeSet<String> {
    let conn = rusqlite::Connection::open(path).unwrap();
    for schema in [
        include_str!("../../../sdk/src/store/sqlite/schema-1.sql"),
        include_str!("../../../sdk/src/store/sqlite/schema-2.sql"),
        "PRAGMA application_id = 0x424c574b; PRAGMA user_version = 2;
         PRAGMA journal_mode = wal;",
    ] {
        conn.execute_batch(schema).unwrap();
    }
    let mut head = Head::empty(&done());
    for number in 1..=5_u64 {
        let entry = head.then(format!("\"early-{number}\"")).unwrap();
        let link = entry.link.as_bytes().to_vec();
        let row = rusqlite::params![number, link, entry.body];
        let append = "INSERT INTO entry VALUES ('done', ?1, ?2, ?3)";
        conn.execute(append, row).unwrap();
        let put = "INSERT INTO value VALUES ('work/early-' || ?1, ?1, 'true')";
        conn.execute(put, [number]).unwrap();
        head = Head::from(&entry);
    }
    conn.execute_batch("INSERT INTO counter VALUES ('done', 5); UPDATE store SET version = 5")
        .unwrap();
    (1..=5).map(|number| format!("early-{number}")).collect()
}

#[test]
#[ignore = "a child of the test below"]
fn opens_a_file_of_an_earlier_build() {
    let Some(path) = given() else { return };
    println!("said ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let store = SqliteStore::open(path).unwrap();
    Runtime::new()
        .unwrap()
        .block_on(store.commit(work("late")))
        .unwrap();
    println!("said late");
}

#[test]
fn a_process_that_is_killed_while_it_migrates_a_file_loses_nothing() {
    let seed = std::env::var("BAILIWICK_SEED").map_or(20_261_128, |seed| seed.parse().unwrap());
    let kills = std::env::var("BAILIWICK_KILLS").map_or(15, |kills| kills.parse().unwrap());
    let mut rng = Rng::new(seed);
    let mut found = [0_usize; 2];
    for kill in 0..kills {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let mut all = of_version_2(&path);
        let mut child = child(this(), "crash::opens_a_file_of_an_earlier_build", &path);
        let mut lines = said(&mut child);
        assert_eq!(lines.next().as_deref(), Some("ready"));
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
        // Every fourth child is heard to the end.
        if kill % 4 == 0 {
            all.extend(lines.by_ref());
        } else {
            std::thread::sleep(Duration::from_micros(rng.below(12_000)));
        }
        // One that has ended cannot be killed.
        let _ = child.kill();
        child.wait().unwrap();
        all.extend(lines);
        let version: usize = rusqlite::Connection::open(&path)
            .unwrap()
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap();
        // The file is of the one version or of the other.
        assert!((2..=3).contains(&version), "{version}");
        found[version - 2] += 1;
        Runtime::new().unwrap().block_on(async {
            let store = SqliteStore::open(&path).unwrap();
            let before = whole(&store, &all).await;
            let works = Key::of(["work"]);
            assert!(store.changed(&works, 4).await.unwrap().is_some());
            let last = store.commit(work("last")).await.unwrap().version;
            assert_eq!(store.changed(&works, last - 1).await.unwrap(), Some(last));
            assert_eq!(whole(&store, &all).await, before + 1);
        });
    }
    println!(
        "{kills} kills: {} before the migration, {} after it",
        found[0], found[1]
    );
    assert!(found[1] > 0);
}
