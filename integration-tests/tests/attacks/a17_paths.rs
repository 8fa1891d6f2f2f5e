//! Attack 17: paths and links out of mount or grant.

#[cfg(unix)]
mod fs {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use bailiwick::capability::{Grant, Kind, Scope, any, eq, path_under, prefix};
    use bailiwick::tool::Outcome;
    use bailiwick::tool::fs::{Dir, Mount};
    use bailiwick_integration_tests::support::call;
    use bailiwick_integration_tests::support::files::{files, over, refused};
    use bailiwick_integration_tests::{denied, value};
    use serde_json::json;

    #[tokio::test]
    async fn attack_17_a_path_has_one_spelling() {
        let files = files();
        let held = files.held(path_under("/srv/docs"));
        for path in [
            "/srv/docs/../secret/s.txt",
            "/srv/docs/./a.txt",
            "/srv/docs//a.txt",
            "/srv/docs/..",
            "/srv/docs/../docs/a.txt",
            "/srv/docs\\..\\secret\\s.txt",
            "srv/docs/a.txt",
            "../secret/s.txt",
            "",
            "/srv/docs/a.txt\0",
            "/srv/docs/a.txt\n",
            "/etc/passwd",
            "/srv/docs-old/o.txt",
            "/srv/doc",
            "/srv/secret/s.txt",
            "/SRV/docs/a.txt",
            "file:///srv/docs/a.txt",
            "~/docs/a.txt",
        ] {
            for how in ["fs.read", "fs.list"] {
                let raw = json!({ "path": path }).to_string();
                denied!(call(&files.gate, &held, how, &raw).await, Kind::Argument);
            }
            denied!(
                files.write(&held, "fs.write", path, "x").await,
                Kind::Argument
            );
            denied!(
                files.write(&held, "fs.append", path, "x").await,
                Kind::Argument
            );
        }
    }

    #[tokio::test]
    async fn attack_17_nothing_is_decoded_on_the_way_to_the_file() {
        let files = files();
        let held = files.held(path_under("/srv/docs"));
        for path in [
            "/srv/docs/%2e%2e/secret/s.txt",
            "/srv/docs/%2e%2e%2fsecret%2fs.txt",
            "/srv/docs/..%2fsecret/s.txt",
            "/srv/docs/．．/secret/s.txt",
            "/srv/docs/ ../secret/s.txt",
            "/srv/docs/.../secret/s.txt",
        ] {
            let outcome = files.read(&held, path).await;
            assert!(
                matches!(outcome, Outcome::Failed { .. } | Outcome::Denied(_)),
                "{path}: {outcome:?}"
            );
            assert!(!format!("{outcome:?}").contains("SECRET"), "{path}");
        }
    }

    #[tokio::test]
    async fn attack_17_links_do_not_lead_out_of_mount_or_grant() {
        let files = files();
        let outside = files.real.path().join("outside.txt");
        let links: [(&str, &Path); 6] = [
            ("docs/out.txt", &outside),
            ("docs/up.txt", Path::new("../../outside.txt")),
            ("docs/inside.txt", Path::new("../secret/s.txt")),
            ("docs/dir", Path::new("../secret")),
            ("docs/dirout", files.real.path()),
            ("docs/proc", Path::new("/proc/self")),
        ];
        for (name, target) in links {
            symlink(target, files.srv(name)).unwrap();
        }
        // One that stays inside the grant works.
        symlink("sub/b.txt", files.srv("docs/good.txt")).unwrap();
        for paths in [
            path_under("/srv/docs"),
            path_under("/srv/docs/sub"),
            prefix("/srv/docs"),
            any(),
        ] {
            let held = files.held(paths.clone());
            for path in [
                "out.txt",
                "up.txt",
                "dirout/outside.txt",
                "dirout/srv/secret/s.txt",
                "proc/environ",
            ] {
                let outcome = files.read(&held, &format!("/srv/docs/{path}")).await;
                assert!(
                    matches!(outcome, Outcome::Failed { .. } | Outcome::Denied(_)),
                    "{paths:?} {path}: {outcome:?}"
                );
            }
        }
        let held = files.held(path_under("/srv/docs"));
        for path in ["inside.txt", "dir/s.txt"] {
            refused(&files.read(&held, &format!("/srv/docs/{path}")).await);
            for how in ["fs.write", "fs.append"] {
                refused(
                    &files
                        .write(&held, how, &format!("/srv/docs/{path}"), "x")
                        .await,
                );
            }
        }
        assert_eq!(
            fs::read_to_string(files.srv("secret/s.txt")).unwrap(),
            "SECRET"
        );
        refused(&call(&files.gate, &held, "fs.list", r#"{"path":"/srv/docs/dir"}"#).await);
        assert_eq!(value!(files.read(&held, "/srv/docs/good.txt").await), "b");
        // Granted by its text, a path is itself and no link.
        for paths in [eq("/srv/docs/inside.txt"), prefix("/srv/docs/inside")] {
            refused(&files.read(&files.held(paths), "/srv/docs/inside.txt").await);
        }
        // A holder of the whole mount may follow a link inside it.
        assert_eq!(
            value!(
                files
                    .read(&files.held(path_under("/srv")), "/srv/docs/inside.txt")
                    .await
            ),
            "SECRET"
        );
    }

    #[tokio::test]
    async fn attack_17_a_hop_moves_the_grant_inward_and_never_outward() {
        let files = files();
        symlink("../a.txt", files.srv("docs/sub/up.txt")).unwrap();
        let scope = |root: &str| {
            Scope::new().grant(Grant::new("fs.read").arg("path", path_under(root.to_owned())))
        };
        let parent = files.home.held(
            &scope("/srv/docs")
                .grant(Grant::spawn(["child"]))
                .max_depth(1),
        );
        let child = files.home.child(&parent, &scope("/srv/docs/sub"));
        assert_eq!(
            value!(files.read(&parent, "/srv/docs/sub/up.txt").await),
            "a"
        );
        refused(&files.read(&child, "/srv/docs/sub/up.txt").await);
        assert_eq!(value!(files.read(&child, "/srv/docs/sub/b.txt").await), "b");
    }

    #[tokio::test]
    async fn attack_17_the_granted_directory_itself_is_no_link() {
        let files = files();
        fs::remove_dir_all(files.srv("docs")).unwrap();
        symlink("secret", files.srv("docs")).unwrap();
        let held = files.held(path_under("/srv/docs"));
        refused(&files.read(&held, "/srv/docs/s.txt").await);
        refused(&files.write(&held, "fs.write", "/srv/docs/s.txt", "x").await);
    }

    #[tokio::test]
    async fn attack_17_a_file_with_two_names_is_refused() {
        let files = files();
        fs::hard_link(files.srv("secret/s.txt"), files.srv("docs/hard.txt")).unwrap();
        fs::hard_link(
            files.real.path().join("outside.txt"),
            files.srv("docs/harder.txt"),
        )
        .unwrap();
        let held = files.held(path_under("/srv/docs"));
        for path in ["/srv/docs/hard.txt", "/srv/docs/harder.txt"] {
            refused(&files.read(&held, path).await);
            refused(&files.write(&held, "fs.append", path, "x").await);
            refused(&files.write(&held, "fs.write", path, "x").await);
        }
        assert_eq!(
            fs::read_to_string(files.srv("secret/s.txt")).unwrap(),
            "SECRET"
        );
        let mount = Mount::open("/srv", files.srv(""))
            .unwrap()
            .allow_hard_links();
        let gate = files.home.gate(over(&Dir::from(mount)));
        assert_eq!(
            value!(call(&gate, &held, "fs.read", r#"{"path":"/srv/docs/hard.txt"}"#).await),
            "SECRET"
        );
    }
}

#[cfg(target_os = "linux")]
mod fs_hostile {
    use std::fs::{self, File};

    use std::os::fd::AsRawFd;

    use std::os::unix::fs::symlink;
    use std::process::Command;

    use bailiwick::capability::{Kind, path_under};
    use bailiwick::tool::Outcome;
    use bailiwick::tool::fs::{Dir, Mount};
    use bailiwick_integration_tests::support::files::{files, over};
    use bailiwick_integration_tests::support::fs_hostile::{all, all_refused};
    use bailiwick_integration_tests::{denied, value};

    #[tokio::test]
    async fn attack_17_links_of_proc_lead_nowhere() {
        let files = files();
        let outside = fs::canonicalize(files.real.path()).unwrap();
        // Open in this process, so that its descriptor is a name for what was never granted.
        let open = File::options()
            .read(true)
            .write(true)
            .open(outside.join("outside.txt"))
            .unwrap();
        let dir = File::open(&outside).unwrap();
        let (open, dir) = (open.as_raw_fd(), dir.as_raw_fd());
        let pid = std::process::id();
        let links = [
            ("fd", format!("/proc/self/fd/{open}")),
            ("pid-fd", format!("/proc/{pid}/fd/{open}")),
            ("thread-fd", format!("/proc/thread-self/fd/{open}")),
            ("dev-fd", format!("/dev/fd/{open}")),
            ("fds", "/proc/self/fd".to_owned()),
            (
                "root",
                format!("/proc/self/root{}/outside.txt", outside.display()),
            ),
            ("slash", "/proc/self/root".to_owned()),
            ("cwd", "/proc/self/cwd".to_owned()),
            ("environ", "/proc/self/environ".to_owned()),
            ("exe", "/proc/self/exe".to_owned()),
            ("dir", format!("/proc/self/fd/{dir}")),
        ];
        let held = files.held(path_under("/srv/docs"));
        for (name, target) in links {
            symlink(&target, files.srv("docs").join(name)).unwrap();
            all_refused(&files, &held, &format!("/srv/docs/{name}")).await;
            for beneath in ["outside.txt", "Cargo.toml", "tests"] {
                all_refused(&files, &held, &format!("/srv/docs/{name}/{beneath}")).await;
            }
            all_refused(&files, &held, &format!("/srv/docs/{name}/{open}")).await;
        }
        assert_eq!(
            fs::read_to_string(outside.join("outside.txt")).unwrap(),
            "OUTSIDE"
        );
    }

    #[tokio::test]
    async fn attack_17_magic_links_are_refused_where_proc_is_inside_the_mount() {
        let mut files = files();
        let outside = fs::canonicalize(files.real.path()).unwrap();
        let open = File::open(outside.join("outside.txt")).unwrap();
        // All of this machine, its /proc with it.
        let mount = Mount::open("/host", "/").unwrap().read_only();
        files.gate = files.home.gate(over(&Dir::from(mount)));
        let (pid, fd) = (std::process::id(), open.as_raw_fd());
        for (granted, inside) in [("/host/proc", true), ("/host", true), ("/host/etc", false)] {
            let held = files.held(path_under(granted));
            let status = files.read(&held, "/host/proc/self/status").await;
            assert_eq!(
                matches!(status, Outcome::Value { .. }),
                inside,
                "{status:?}"
            );
            for path in [
                format!("/host/proc/self/root{}/outside.txt", outside.display()),
                format!("/host/proc/{pid}/root{}/outside.txt", outside.display()),
                format!("/host/proc/self/fd/{fd}"),
                format!("/host/proc/{pid}/fd/{fd}"),
                format!("/host/proc/{pid}/task/{pid}/fd/{fd}"),
                "/host/proc/self/cwd/Cargo.toml".to_owned(),
                "/host/proc/self/exe".to_owned(),
                "/host/proc/self/root".to_owned(),
                "/host/proc/self/cwd".to_owned(),
            ] {
                for (how, outcome) in all(&files, &held, &path).await {
                    assert!(
                        matches!(outcome, Outcome::Failed { .. } | Outcome::Denied(_)),
                        "{how} {path}: {outcome:?}"
                    );
                    assert!(!format!("{outcome:?}").contains("OUTSIDE"));
                }
            }
        }
    }

    #[tokio::test]
    async fn attack_17_links_are_refused_in_a_proc_that_is_bound_into_the_mount() {
        let test = "attack_17_links_are_refused_in_a_proc_that_is_bound_into_the_mount";
        let files = files();
        let bound = files.srv("docs/proc");
        fs::create_dir(&bound).unwrap();
        // Containers, CI runners among them, may seldom mount; the test above needs no leave.
        let mounted = Command::new("mount")
            .args(["--bind", "/proc"])
            .arg(&bound)
            .output();
        match mounted {
            Ok(output) if output.status.success() => {}
            other => return println!("skipped: {test}: {other:?}"),
        }
        let held = files.held(path_under("/srv/docs"));
        let status = files.read(&held, "/srv/docs/proc/self/status").await;
        let mut outcomes = Vec::new();
        for path in ["root", "cwd", "exe", "root/etc/passwd", "cwd/Cargo.toml"] {
            outcomes.extend(all(&files, &held, &format!("/srv/docs/proc/self/{path}")).await);
        }
        // Taken away before anything can fail, or the directory could not be removed.
        let gone = Command::new("umount")
            .arg("-l")
            .arg(&bound)
            .status()
            .unwrap();
        assert!(gone.success());
        assert!(matches!(status, Outcome::Value { .. }), "{status:?}");
        for (how, outcome) in outcomes {
            assert!(
                matches!(outcome, Outcome::Failed { .. }),
                "{how}: {outcome:?}"
            );
        }
    }

    #[tokio::test]
    async fn attack_17_names_that_look_alike_are_other_names() {
        let files = files();
        // Each pair looks the same, or folds to the same, and is two directories to the kernel.
        for (granted, other) in [
            ("caf\u{e9}", "cafe\u{301}"),
            ("cafe\u{301}", "caf\u{e9}"),
            ("K", "\u{212a}"),
            ("private", "PRIVATE"),
            ("stra\u{df}e", "strasse"),
            ("fi", "\u{fb01}"),
            ("a", "\u{430}"),
            ("i", "\u{131}"),
            ("A", "\u{ff21}"),
        ] {
            for dir in [granted, other] {
                fs::create_dir_all(files.srv(dir)).unwrap();
                let text = if dir == granted { "mine" } else { "SECRET" };
                fs::write(files.srv(dir).join("f.txt"), text).unwrap();
            }
            let held = files.held(path_under(format!("/srv/{granted}")));
            let own = format!("/srv/{granted}/f.txt");
            assert_eq!(value!(files.read(&held, &own).await), "mine");
            for (_, outcome) in all(&files, &held, &format!("/srv/{other}/f.txt")).await {
                denied!(outcome, Kind::Argument);
            }
            fs::remove_dir_all(files.srv(granted)).unwrap();
            fs::remove_dir_all(files.srv(other)).unwrap();
        }
        // What is not seen at all is in no path.
        let held = files.held(path_under("/srv/docs"));
        for name in [
            "a\u{200b}.txt",
            "\u{202e}txt.a",
            "a.txt\u{feff}",
            "a\u{ad}.txt",
        ] {
            for (_, outcome) in all(&files, &held, &format!("/srv/docs/{name}")).await {
                denied!(outcome, Kind::Argument);
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod fs_race {
    //! Names that change while they are opened: never a byte from outside the grant, in either
    //! direction, and what is inside is still reached.

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
}

mod fuzzed {
    use bailiwick::capability::{Call, Facts, stock_facts};
    use serde_json::{Map, Value};

    use crate::common::fuzzed::now;

    /// `%25%32%65` was not seen to be `%2e` after one decoding, and so a dot after two.
    #[test]
    fn attack_17_an_escape_whose_digits_are_escaped_hides_no_dot() {
        for text in [
            "/%25%%304",
            "/srv/%2%65%2%65/etc",
            "/srv/%25%32%65%25%32%65/etc",
            "/srv/a%%32fb",
            "https://a.org/v1/%25%32%65%25%32%65/x",
        ] {
            let mut arguments = Map::new();
            arguments.insert("a".to_owned(), Value::from(text));
            let call = Call::new("t", arguments).unwrap();
            let facts = stock_facts(&call, &Facts::at(now()), 0, None);
            let read = |fact: &&String| fact.starts_with("arg_path") || fact.starts_with("arg_url");
            assert_eq!(facts.iter().find(read), None, "{text}");
        }
    }
}
