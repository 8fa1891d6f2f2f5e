//! Names that change while they are opened: never a byte from outside the grant, in either
//! direction, and what is inside is still reached.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bailiwick::capability::{Held, path_under};
use bailiwick::tool::Outcome;
use bailiwick_integration_tests::support;
use bailiwick_integration_tests::support::call;
use bailiwick_integration_tests::support::files::{Files, files};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

/// How often names change, at least, and how many calls are made meanwhile, at least.
const SWAPS: usize = 4_000;
const CALLS: usize = 250;
/// One round of calls in this many is made while no name changes. On a machine whose disk is slow, a
/// name changes during every other write, which refuses each of them.
const STILL: usize = 8;

/// Someone who does the same thing over and over until told to stop.
struct Attacker {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    /// Held by a turn of the attacker, which begins none while `still` is set.
    turn: Arc<Mutex<()>>,
    still: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Attacker {
    /// The turn is told whether it is an even one.
    fn start(mut turn: impl FnMut(bool) + Send + 'static) -> Self {
        let (stop, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (lock, still) = (Arc::<Mutex<()>>::default(), Arc::<AtomicBool>::default());
        let (over, count) = (stop.clone(), done.clone());
        let (held, wait) = (lock.clone(), still.clone());
        let thread = std::thread::spawn(move || {
            let mut even = true;
            while !over.load(Ordering::Relaxed) {
                if wait.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                    continue;
                }
                let guard = held.lock().unwrap();
                turn(even);
                drop(guard);
                even = !even;
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self {
            stop,
            done,
            turn: lock,
            still,
            thread,
        }
    }

    /// Two names trade places, so that one of them is always there.
    fn exchanging(one: PathBuf, other: PathBuf) -> Self {
        Self::start(move |_| {
            renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
        })
    }

    /// A name is a new file, then a link, then a new file: a write replaces either.
    fn replacing(name: PathBuf, target: PathBuf) -> Self {
        let fresh = name.with_extension("fresh");
        Self::start(move |even| {
            if even {
                fs::write(&fresh, "mine").unwrap();
            } else {
                symlink(&target, &fresh).unwrap();
            }
            fs::rename(&fresh, &name).unwrap();
        })
    }

    /// A name goes away and comes back.
    fn moving(away: PathBuf, back: PathBuf) -> Self {
        Self::start(move |even| {
            let (from, to) = if even { (&away, &back) } else { (&back, &away) };
            fs::rename(from, to).unwrap();
        })
    }

    fn is_busy(&self, calls: usize) -> bool {
        assert!(!self.thread.is_finished(), "the attacker failed");
        calls < CALLS || self.done.load(Ordering::Relaxed) < SWAPS
    }

    /// Keeps the attacker from its next turn until [`Attacker::release`].
    fn hold(&self) {
        self.still.store(true, Ordering::Relaxed);
        drop(self.turn.lock().unwrap());
    }

    fn release(&self) {
        self.still.store(false, Ordering::Relaxed);
    }

    fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.done.load(Ordering::Relaxed)
    }
}

/// Everything beneath a directory that is out of the grant: names, and what is in them.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            found.extend(contents(&path));
        }
        let bytes = fs::read(&path).unwrap_or_default();
        found.insert(path, bytes);
    }
    found
}

#[derive(Debug, Default)]
struct Count {
    inside: usize,
    refused: usize,
}

impl Count {
    /// Counts a call, and fails if it says anything of what is out of the grant.
    fn note(&mut self, what: &str, outcome: &Outcome) {
        let text = format!("{outcome:?}");
        assert!(!text.contains("SECRET"), "{what}: {text}");
        match outcome {
            Outcome::Value { .. } => self.inside += 1,
            Outcome::Failed { .. } => self.refused += 1,
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// Uses every operation of the door on `path` until the names have changed often enough, and holds
/// what is out of the grant against what it was before.
async fn besiege(
    files: &Files,
    held: &Held,
    attacker: Attacker,
    outside: &[PathBuf],
    calls: &[(&str, &str)],
) {
    let before: Vec<_> = outside.iter().map(|dir| contents(dir)).collect();
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut made = 0;
    while attacker.is_busy(made) {
        if made % STILL == 0 {
            attacker.hold();
        }
        for (how, path) in calls {
            let raw = match *how {
                "fs.write" | "fs.append" => json!({ "path": path, "text": "mine" }),
                _ => json!({ "path": path }),
            };
            let outcome = call(&files.gate, held, how, &raw.to_string()).await;
            counts.entry(how).or_default().note(path, &outcome);
        }
        attacker.release();
        made += 1;
    }
    let swaps = attacker.stop();
    println!("{swaps} changes of names; {counts:?}");
    for (how, count) in &counts {
        assert!(
            count.inside > 0 && count.refused > 0,
            "{how} met no race in {swaps} changes: {count:?}"
        );
    }
    let after: Vec<_> = outside.iter().map(|dir| contents(dir)).collect();
    assert_eq!(after, before, "something was written out of the grant");
}

/// `secret` inside the mount and `outside` beside it hold the names that the calls ask for.
fn world() -> (Files, Held, Vec<PathBuf>) {
    let files = files();
    let outside = files.real.path().join("outside");
    fs::create_dir(&outside).unwrap();
    for dir in [&outside, &files.srv("secret"), &files.srv("docs/sub")] {
        let inside = dir.ends_with("docs/sub");
        fs::create_dir_all(dir.join("deep")).unwrap();
        for name in ["f.txt", "w.txt", "l.txt", "deep/f.txt"] {
            fs::write(dir.join(name), if inside { "mine" } else { "SECRET" }).unwrap();
        }
        if !inside {
            fs::write(dir.join("SECRET-name"), "").unwrap();
        }
    }
    let held = files.held(path_under("/srv/docs"));
    let dirs = vec![outside, files.srv("secret")];
    (files, held, dirs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attack_17_a_race_for_a_directory_on_the_way_is_lost_by_the_attacker() {
    let targets: [fn(&Files) -> PathBuf; 2] = [
        |_| PathBuf::from("../secret"),
        |files| files.real.path().join("outside"),
    ];
    for target in targets {
        let (files, held, outside) = world();
        let link = files.srv("docs/link");
        symlink(target(&files), &link).unwrap();
        let attacker = Attacker::exchanging(files.srv("docs/sub"), link);
        let calls = [
            ("fs.read", "/srv/docs/sub/f.txt"),
            ("fs.read", "/srv/docs/sub/deep/f.txt"),
            ("fs.write", "/srv/docs/sub/w.txt"),
            ("fs.append", "/srv/docs/sub/l.txt"),
            ("fs.list", "/srv/docs/sub/deep"),
        ];
        besiege(&files, &held, attacker, &outside, &calls).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attack_17_a_race_for_the_last_name_is_lost_by_the_attacker() {
    for (name, how) in [
        ("f.txt", "fs.read"),
        ("w.txt", "fs.write"),
        ("l.txt", "fs.append"),
        ("deep", "fs.list"),
    ] {
        let (files, held, outside) = world();
        let link = files.srv("docs/link");
        let target = files.srv("secret").join(name);
        symlink(&target, &link).unwrap();
        let path = format!("/srv/docs/sub/{name}");
        let mine = files.srv("docs/sub").join(name);
        let attacker = if how == "fs.write" {
            Attacker::replacing(mine, target)
        } else {
            Attacker::exchanging(mine, link)
        };
        besiege(&files, &held, attacker, &outside, &[(how, &path)]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attack_17_a_race_for_the_granted_directory_is_lost_by_the_attacker() {
    for granted in ["/srv/docs/sub", "/srv/docs/sub/deep"] {
        let (files, _, outside) = world();
        let link = files.srv("docs/link");
        symlink("../secret", &link).unwrap();
        let held = files.held(path_under(granted));
        let attacker = Attacker::exchanging(files.srv("docs/sub"), link);
        let paths = ["f.txt", "w.txt", "l.txt"].map(|name| format!("{granted}/{name}"));
        fs::write(outside[1].join("deep/w.txt"), "SECRET").unwrap();
        let calls = [
            ("fs.read", paths[0].as_str()),
            ("fs.write", &paths[1]),
            ("fs.append", &paths[2]),
            ("fs.list", granted),
        ];
        besiege(&files, &held, attacker, &outside, &calls).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attack_17_a_directory_that_moves_while_a_link_climbs_out_of_it_leads_nowhere() {
    let (files, held, outside) = world();
    fs::create_dir_all(files.srv("docs/way/a/b")).unwrap();
    // From inside the grant the link leads to the grant's own file; from where the directory is
    // moved to, the same steps upwards lead to the secret one.
    fs::write(files.srv("docs/f.txt"), "mine").unwrap();
    symlink("../../../f.txt", files.srv("docs/way/a/b/up")).unwrap();
    let attacker = Attacker::moving(files.srv("docs/way"), files.srv("secret/way"));
    let calls = [("fs.read", "/srv/docs/way/a/b/up")];
    // What is outside changes by itself here: the directory comes and goes.
    besiege(&files, &held, attacker, &[], &calls).await;
    assert_eq!(
        fs::read_to_string(outside[1].join("f.txt")).unwrap(),
        "SECRET"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attack_17_a_file_that_turns_into_a_pipe_holds_nobody_up() {
    let (files, held, outside) = world();
    let pipe = files.srv("docs/pipe");
    rustix::fs::mknodat(
        CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let attacker = Attacker::exchanging(files.srv("docs/sub/l.txt"), pipe);
    let calls = [
        ("fs.read", "/srv/docs/sub/l.txt"),
        ("fs.append", "/srv/docs/sub/l.txt"),
    ];
    let all = besiege(&files, &held, attacker, &outside, &calls);
    tokio::time::timeout(support::secs(300), all).await.unwrap();
}
