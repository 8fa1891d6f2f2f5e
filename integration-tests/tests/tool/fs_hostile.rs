//! Trees that someone hostile prepared: links of `/proc`, pipes, devices, sockets, look-alike names,
//! depth, and sizes that are not there.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::future::Future;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use bailiwick::capability::{Held, Kind, path_under};
use bailiwick::tool::Outcome;
use bailiwick::tool::fs::{Dir, Mount};
use bailiwick_integration_tests::support::files::{Files, files, over, refused};
use bailiwick_integration_tests::support::{call, secs};
use bailiwick_integration_tests::{denied, value};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use serde_json::{Value, json};

/// Every operation of the door on a path.
async fn all(files: &Files, held: &Held, path: &str) -> Vec<(&'static str, Outcome)> {
    let mut outcomes = Vec::new();
    for how in ["fs.read", "fs.list", "fs.append", "fs.write"] {
        let raw = match how {
            "fs.append" | "fs.write" => json!({ "path": path, "text": "x" }),
            _ => json!({ "path": path }),
        };
        outcomes.push((how, call(&files.gate, held, how, &raw.to_string()).await));
    }
    outcomes
}

/// Every operation on a path is refused by the door.
async fn all_refused(files: &Files, held: &Held, path: &str) {
    for (how, outcome) in all(files, held, path).await {
        assert!(
            matches!(outcome, Outcome::Failed { .. }),
            "{how} {path}: {outcome:?}"
        );
        refused(&outcome);
    }
}

/// Nothing of the door waits for the other end of anything.
async fn at_once<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(secs(60), work).await.unwrap()
}

/// What this machine does not allow is not tested in silence, and not at all in a CI run.
fn skipped(test: &str, why: impl std::fmt::Display) {
    println!("skipped: {test}: {why}");
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
    assert!(!ci, "{test} must run in CI: {why}");
}

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
async fn pipes_are_refused_and_hold_nobody_up() {
    let files = files();
    let pipe = files.srv("docs/pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap();
    symlink("pipe", files.srv("docs/to-pipe")).unwrap();
    let held = files.held(path_under("/srv/docs"));
    let itself = files.held(bailiwick::capability::eq("/srv/docs/pipe"));
    for open in [false, true] {
        // Without a process at the other end, and with a process that writes.
        let mut other = open.then(|| {
            File::options()
                .read(true)
                .write(true)
                .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
                .open(&pipe)
                .unwrap()
        });
        if let Some(other) = &mut other {
            other.write_all(b"SECRET").unwrap();
        }
        at_once(all_refused(&files, &held, "/srv/docs/pipe")).await;
        at_once(all_refused(&files, &held, "/srv/docs/to-pipe")).await;
        at_once(all_refused(&files, &held, "/srv/docs/pipe/beneath")).await;
        at_once(all_refused(&files, &itself, "/srv/docs/pipe")).await;
        if let Some(other) = &mut other {
            let mut kept = [0; 64];
            let length = other.read(&mut kept).unwrap();
            assert_eq!(
                &kept[..length],
                b"SECRET",
                "nothing read from it, nothing written to it"
            );
        }
    }
    assert_eq!(
        kinds(&files, &held, "/srv/docs").await["pipe"],
        json!("other")
    );
}

#[tokio::test]
async fn a_pipe_is_not_opened_so_that_its_reader_does_not_notice() {
    let files = files();
    let pipe = files.srv("docs/pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap();
    let held = files.held(path_under("/srv/docs"));
    let waiting = pipe.clone();
    // Waits for a writer, and reads until the last one has gone.
    let reader = std::thread::spawn(move || fs::read(waiting).unwrap());
    for _ in 0..100 {
        at_once(all_refused(&files, &held, "/srv/docs/pipe")).await;
    }
    assert!(!reader.is_finished(), "it met a writer");
    fs::write(&pipe, "from its own writer").unwrap();
    assert_eq!(reader.join().unwrap(), b"from its own writer");
}

/// What the door says that the names of a directory stand for.
async fn kinds(files: &Files, held: &Held, path: &str) -> serde_json::Map<String, Value> {
    let raw = json!({ "path": path }).to_string();
    let listed = value!(call(&files.gate, held, "fs.list", &raw).await);
    let line = |line: &Value| {
        (
            line["name"].as_str().unwrap().to_owned(),
            line["kind"].clone(),
        )
    };
    listed.as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn devices_are_refused() {
    let files = files();
    let held = files.held(path_under("/srv/docs"));
    for (name, kind, device) in [
        ("zero", FileType::CharacterDevice, makedev(1, 5)),
        ("full", FileType::CharacterDevice, makedev(1, 7)),
        ("tty", FileType::CharacterDevice, makedev(5, 0)),
        ("loop", FileType::BlockDevice, makedev(7, 0)),
        ("none", FileType::CharacterDevice, makedev(4000, 4000)),
    ] {
        let made = mknodat(
            CWD,
            files.srv("docs").join(name),
            kind,
            Mode::from_raw_mode(0o666),
            device,
        );
        if let Err(error) = made {
            return skipped("devices_are_refused", format!("no device is made: {error}"));
        }
        at_once(all_refused(&files, &held, &format!("/srv/docs/{name}"))).await;
        assert_eq!(
            kinds(&files, &held, "/srv/docs").await[name],
            json!("other")
        );
    }
}

#[tokio::test]
async fn the_devices_of_the_machine_are_refused() {
    let mut files = files();
    files.gate = files
        .home
        .gate(over(&Dir::mount("/srv/docs", "/dev").unwrap()));
    let held = files.held(path_under("/srv/docs"));
    for name in ["zero", "full", "urandom", "null"] {
        assert!(Path::new("/dev").join(name).exists());
        at_once(all_refused(&files, &held, &format!("/srv/docs/{name}"))).await;
    }
}

#[tokio::test]
async fn sockets_are_refused_and_not_connected_to() {
    let files = files();
    let listener = UnixListener::bind(files.srv("docs/socket")).unwrap();
    listener.set_nonblocking(true).unwrap();
    let held = files.held(path_under("/srv/docs"));
    at_once(all_refused(&files, &held, "/srv/docs/socket")).await;
    assert_eq!(
        listener.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    assert_eq!(
        kinds(&files, &held, "/srv/docs").await["socket"],
        json!("other")
    );
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

#[tokio::test]
async fn trees_are_as_deep_and_names_as_long_as_a_path_may_be() {
    let files = files();
    let held = files.held(path_under("/srv/docs"));
    let deep = "/d".repeat(1500);
    fs::create_dir_all(files.real.path().join(format!("srv/docs{deep}"))).unwrap();
    fs::write(files.srv(&format!("docs{deep}/f.txt")), "deep").unwrap();
    let path = format!("/srv/docs{deep}/f.txt");
    assert_eq!(value!(files.read(&held, &path).await), "deep");
    value!(files.write(&held, "fs.append", &path, "er").await);
    assert_eq!(value!(files.read(&held, &path).await), "deeper");
    let innermost = kinds(&files, &held, &format!("/srv/docs{deep}")).await;
    assert_eq!(innermost["f.txt"], json!("file"));
    // The grant itself may lie that deep.
    let inner = files.held(path_under(format!("/srv/docs{}", "/d".repeat(900))));
    assert_eq!(value!(files.read(&inner, &path).await), "deeper");

    let too_long = format!("/srv/docs{}", "/d".repeat(2100));
    for (_, outcome) in all(&files, &held, &too_long).await {
        denied!(outcome, Kind::Argument);
    }
    let name = "n".repeat(255);
    let path = format!("/srv/docs/{name}");
    value!(files.write(&held, "fs.write", &path, "long").await);
    assert_eq!(value!(files.read(&held, &path).await), "long");
    for longer in [256, 1000, 4000] {
        let path = format!("/srv/docs/{}", "n".repeat(longer));
        for (how, outcome) in all(&files, &held, &path).await {
            refused(&outcome);
            let text = format!("{outcome:?}");
            let real = files.real.path().to_str().unwrap();
            assert!(!text.contains(real), "{how}: {text}");
        }
    }
    // Links upon links.
    symlink("a.txt", files.srv("docs/l0")).unwrap();
    for number in 1..100 {
        let link = files.srv(&format!("docs/l{number}"));
        symlink(format!("l{}", number - 1), link).unwrap();
    }
    assert_eq!(value!(files.read(&held, "/srv/docs/l10").await), "a");
    all_refused(&files, &held, "/srv/docs/l99").await;
}

#[tokio::test]
async fn a_size_that_is_not_there_is_not_read() {
    let files = files();
    let held = files.held(path_under("/srv/docs"));
    let huge = File::create(files.srv("docs/huge")).unwrap();
    if let Err(error) = huge.set_len(1 << 40) {
        return skipped("a_size_that_is_not_there_is_not_read", error);
    }
    let outcome = at_once(files.read(&held, "/srv/docs/huge")).await;
    assert!(format!("{outcome:?}").contains("more than"), "{outcome:?}");
    refused(&outcome);
    let raw = json!({ "path": "/srv/docs" }).to_string();
    let listed = value!(call(&files.gate, &held, "fs.list", &raw).await);
    let line = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["name"] == "huge");
    assert_eq!(line.unwrap()["size"], json!(1_u64 << 40));
    // A write puts a small file in its place, and leaves the hole alone.
    value!(
        files
            .write(&held, "fs.write", "/srv/docs/huge", "small")
            .await
    );
    assert_eq!(value!(files.read(&held, "/srv/docs/huge").await), "small");
    assert_eq!(huge.metadata().unwrap().len(), 1 << 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_grows_while_it_is_read_ends_at_the_limit() {
    let mut files = files();
    let limit = 64 << 10;
    let mount = Mount::open("/srv", files.srv("")).unwrap().max_bytes(limit);
    files.gate = files.home.gate(over(&Dir::from(mount)));
    let held = files.held(path_under("/srv/docs"));
    let path = files.srv("docs/growing");
    fs::write(&path, "").unwrap();
    let growing = File::options().append(true).open(&path).unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let over = stop.clone();
    let writer = std::thread::spawn(move || {
        let block = [b'x'; 512];
        while !over.load(std::sync::atomic::Ordering::Relaxed) {
            (&growing).write_all(&block).unwrap();
            if growing.metadata().unwrap().len() > 2 * limit {
                growing.set_len(0).unwrap();
            }
        }
    });
    let (mut whole, mut refused) = (0, 0);
    while whole == 0 || refused == 0 || whole + refused < 200 {
        match at_once(files.read(&held, "/srv/docs/growing")).await {
            Outcome::Value { value, .. } => {
                assert!(value.as_str().unwrap().len() <= limit as usize);
                whole += 1;
            }
            Outcome::Failed { .. } => refused += 1,
            other => panic!("{other:?}"),
        }
        assert!(whole + refused < 20_000, "{whole} whole, {refused} refused");
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().unwrap();
}

#[tokio::test]
async fn names_that_no_path_can_spell_are_not_listed() {
    let files = files();
    let held = files.held(path_under("/srv/docs"));
    let long = "n".repeat(255);
    let honest = [
        "a b",
        "...",
        "--help",
        "<b>",
        "$(reboot)",
        "caf\u{e9}",
        "'; drop",
        &long,
    ];
    let hostile: [&[u8]; 12] = [
        b"new\nline",
        b"\x1b[2Jclear",
        b"back\\slash",
        b"bell\x07",
        b"\xff\xfe not utf-8",
        b"%2e%2e",
        "\u{202e}txt.exe".as_bytes(),
        "zero\u{200b}width".as_bytes(),
        "\u{ff0e}\u{ff0e}".as_bytes(),
        "next\u{85}line".as_bytes(),
        "mark\u{feff}".as_bytes(),
        "tag\u{e0041}".as_bytes(),
    ];
    let dir = files.srv("docs/sub");
    let hostile = hostile.map(|name| dir.join(std::ffi::OsStr::from_bytes(name)));
    for path in honest.map(|name| dir.join(name)).iter().chain(&hostile) {
        let file = File::create(path).unwrap();
        file.write_all_at(b"x", 0).unwrap();
    }
    let listed = kinds(&files, &held, "/srv/docs/sub").await;
    let mut expected = Vec::from(honest);
    expected.push("b.txt");
    expected.sort_unstable();
    assert_eq!(listed.keys().collect::<Vec<_>>(), expected);
    // What is listed can be read, every name of it.
    for name in listed.keys() {
        value!(files.read(&held, &format!("/srv/docs/sub/{name}")).await);
    }
    // The number of entries counts what is left out too.
    let mount = Mount::open("/srv", files.srv(""))
        .unwrap()
        .max_entries(honest.len() + 1);
    let gate = files.home.gate(over(&Dir::from(mount)));
    refused(&call(&gate, &held, "fs.list", r#"{"path":"/srv/docs/sub"}"#).await);
}
