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
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use bailiwick::capability::{Held, Kind, path_under};
use bailiwick::tool::Outcome;
use bailiwick::tool::fs::{Dir, Mount};
use bailiwick_integration_tests::support::files::{Files, files, over, refused};
use bailiwick_integration_tests::support::fs_hostile::{all, all_refused, skipped};
use bailiwick_integration_tests::support::{call, secs};
use bailiwick_integration_tests::{denied, value};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use serde_json::{Value, json};

/// Nothing of the door waits for the other end of anything.
async fn at_once<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(secs(60), work).await.unwrap()
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
