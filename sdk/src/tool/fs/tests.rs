use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::open_grant::OpenGrant;
use super::{Access, Dir, EntryKind, FsError, Mount};

const SECRET: &str = "secret";

/// A mount at `/srv/files` with `docs/a.txt` and, out of the grant of `docs`, `private/key`;
/// beside the mount, `outside/key`.
struct World {
    root: TempDir,
    dir: Dir,
}

fn world() -> World {
    let root = tempfile::tempdir().unwrap();
    for made in ["mount/docs/sub", "mount/private", "outside"] {
        fs::create_dir_all(root.path().join(made)).unwrap();
    }
    for (file, text) in [
        ("mount/docs/a.txt", "a"),
        ("mount/docs/sub/b.txt", "b"),
        ("mount/private/key", SECRET),
        ("outside/key", SECRET),
    ] {
        fs::write(root.path().join(file), text).unwrap();
    }
    let dir = Dir::mount("/srv/files", root.path().join("mount")).unwrap();
    World { root, dir }
}

impl World {
    fn real(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join("mount").join(path)
    }

    fn link(&self, target: impl AsRef<Path>, at: &str) {
        symlink(target, self.real(at)).unwrap();
    }

    fn mount(&self) -> Mount {
        Mount::open("/srv/files", self.root.path().join("mount")).unwrap()
    }

    async fn read(&self, path: &str) -> Result<String, FsError> {
        self.dir.read_to_string(&docs(path)).await
    }
}

/// An access under a grant of `/srv/files/docs/`.
fn docs(path: &str) -> Access {
    Access::new(
        ["/srv/files/", "/srv/files/docs/"],
        &format!("/srv/files/docs/{path}"),
    )
    .unwrap()
}

fn only(path: &str) -> Access {
    Access::new([format!("{path}/")], path).unwrap()
}

macro_rules! refused {
    ($result:expr, $pattern:pat) => {
        match $result {
            Err($pattern) => {}
            other => panic!("expected {}, got {other:?}", stringify!($pattern)),
        }
    };
}

#[tokio::test]
async fn reads_beneath_the_innermost_grant() {
    let w = world();
    assert_eq!(w.read("a.txt").await.unwrap(), "a");
    assert_eq!(w.read("sub/b.txt").await.unwrap(), "b");
    let all = Access::new(["/"], "/srv/files/private/key").unwrap();
    assert_eq!(w.dir.read_to_string(&all).await.unwrap(), SECRET);
    assert_eq!(
        w.dir.read(&only("/srv/files/docs/a.txt")).await.unwrap(),
        b"a"
    );
    refused!(w.read("none").await, FsError::NotFound { .. });
    refused!(w.read("a.txt/b").await, FsError::NotADirectory { .. });
    let far = Access::new(["/"], "/srv/filesystem/a").unwrap();
    refused!(w.dir.read(&far).await, FsError::NotMounted { .. });
    fs::write(w.real("docs/bytes"), [0xff]).unwrap();
    refused!(w.read("bytes").await, FsError::NotText { .. });
}

#[test]
fn attack_17_path_out_of_normal_form() {
    for path in [
        "",
        "a",
        "//",
        "/a//b",
        "/a/./b",
        "/a/../b",
        "/..",
        "/a/..",
        "/a//",
        "/a\\b",
        "/a\0",
        "/a\n",
        "/a/\u{85}",
        "./a",
    ] {
        refused!(Access::new(["/"], path), FsError::NotNormal { .. });
        refused!(Access::new([path], "/a"), FsError::NotNormal { .. });
    }
    refused!(
        Access::new(["/"], &"/a".repeat(4096)),
        FsError::NotNormal { .. }
    );
    // Nothing is decoded: this is a name like any other.
    assert_eq!(Access::new(["/"], "/%2e%2e/a").unwrap().path(), "/%2e%2e/a");
}

#[test]
fn access_lies_beneath_every_root() {
    refused!(
        Access::new(["/data/"], "/database/a"),
        FsError::Denied { .. }
    );
    refused!(Access::new(["/a/", "/b/"], "/a/x"), FsError::Denied { .. });
    refused!(Access::new(["/a/b/"], "/a"), FsError::Denied { .. });
    refused!(Access::new(["/A/"], "/a/x"), FsError::Denied { .. });
    refused!(Access::new::<&str>([], "/a"), FsError::Denied { .. });
    assert_eq!(
        Access::new(["/a/b/", "/a/", "/"], "/a/b/c/")
            .unwrap()
            .granted(),
        "/a/b"
    );
}

#[tokio::test]
async fn attack_17_link_out_of_the_grant() {
    let w = world();
    w.link(w.root.path().join("outside/key"), "docs/absolute");
    w.link("../../outside/key", "docs/out");
    w.link("../private/key", "docs/inside_mount");
    w.link(w.real("docs/a.txt"), "docs/absolute_inside");
    w.link("../docs/a.txt", "docs/out_and_back");
    w.link("../private", "docs/dir");
    w.link("sub/two", "docs/one");
    w.link("../../private/key", "docs/sub/two");
    for path in [
        "absolute",
        "out",
        "inside_mount",
        "absolute_inside",
        "out_and_back",
        "dir/key",
        "one",
    ] {
        refused!(w.read(path).await, FsError::Escapes { .. });
        refused!(w.dir.write(&docs(path), "x").await, FsError::Escapes { .. });
        refused!(
            w.dir.append(&docs(path), "x").await,
            FsError::Escapes { .. }
        );
    }
    refused!(w.dir.list(&docs("dir")).await, FsError::Escapes { .. });
    refused!(
        w.dir.write(&docs("dir/new"), "x").await,
        FsError::Escapes { .. }
    );
    assert!(!w.real("private/new").exists());
    assert_eq!(fs::read_to_string(w.real("private/key")).unwrap(), SECRET);
    let message = w.read("out").await.unwrap_err().to_string();
    assert!(
        !message.contains(w.root.path().to_str().unwrap()),
        "{message}"
    );
}

#[tokio::test]
async fn link_within_the_grant_is_followed() {
    let w = world();
    w.link("sub/b.txt", "docs/b");
    w.link("b", "docs/chain");
    w.link("sub", "docs/dir");
    w.link("../a.txt", "docs/sub/up");
    assert_eq!(w.read("b").await.unwrap(), "b");
    assert_eq!(w.read("chain").await.unwrap(), "b");
    assert_eq!(w.read("dir/b.txt").await.unwrap(), "b");
    assert_eq!(w.read("dir/up").await.unwrap(), "a");
    w.dir.write(&docs("dir/new"), "n").await.unwrap();
    assert_eq!(w.read("sub/new").await.unwrap(), "n");
    w.link("loop", "docs/loop");
    assert!(w.read("loop").await.is_err());
}

#[tokio::test]
async fn attack_17_granted_directory_is_a_link() {
    let w = world();
    w.link("private", "shown");
    w.link("private/key", "file");
    w.link("docs", "mirror");
    for access in [
        Access::new(["/srv/files/shown/"], "/srv/files/shown/key").unwrap(),
        Access::new(["/srv/files/mirror/sub/"], "/srv/files/mirror/sub/b.txt").unwrap(),
        only("/srv/files/file"),
        only("/srv/files/shown"),
    ] {
        refused!(w.dir.read(&access).await, FsError::Escapes { .. });
        refused!(w.dir.list(&access).await, FsError::Escapes { .. });
        refused!(w.dir.write(&access, "x").await, FsError::Escapes { .. });
    }
    assert_eq!(fs::read_to_string(w.real("private/key")).unwrap(), SECRET);
}

#[tokio::test]
async fn attack_17_hard_link_from_outside() {
    let w = world();
    fs::hard_link(w.root.path().join("outside/key"), w.real("docs/key")).unwrap();
    refused!(w.read("key").await, FsError::HardLink { links: 2, .. });
    refused!(
        w.dir.write(&docs("key"), "x").await,
        FsError::HardLink { .. }
    );
    refused!(
        w.dir.append(&docs("key"), "x").await,
        FsError::HardLink { .. }
    );
    assert_eq!(
        fs::read_to_string(w.root.path().join("outside/key")).unwrap(),
        SECRET
    );
    let lenient = Dir::from(w.mount().allow_hard_links());
    assert_eq!(lenient.read_to_string(&docs("key")).await.unwrap(), SECRET);
}

#[tokio::test]
async fn only_regular_files_are_opened_and_nothing_blocks() {
    let w = world();
    assert!(
        Command::new("mkfifo")
            .arg(w.real("docs/pipe"))
            .status()
            .unwrap()
            .success()
    );
    let _socket = UnixListener::bind(w.real("docs/socket")).unwrap();
    w.link("pipe", "docs/to_pipe");
    for path in ["pipe", "socket", "to_pipe", "sub"] {
        refused!(w.read(path).await, FsError::NotAFile { .. });
    }
    for path in ["pipe", "socket", "sub"] {
        refused!(
            w.dir.append(&docs(path), "x").await,
            FsError::NotAFile { .. }
        );
        refused!(
            w.dir.write(&docs(path), "x").await,
            FsError::NotAFile { .. }
        );
    }
    refused!(
        w.dir.list(&docs("a.txt")).await,
        FsError::NotADirectory { .. }
    );
    refused!(
        w.dir.list(&docs("pipe")).await,
        FsError::NotADirectory { .. }
    );
    for root in ["/srv/files", "/srv/files/docs"] {
        refused!(w.dir.read(&only(root)).await, FsError::NotAFile { .. });
        refused!(
            w.dir.write(&only(root), "x").await,
            FsError::NotAFile { .. }
        );
    }
    w.link("/dev/zero", "docs/zero");
    w.link("/proc/self/cwd", "docs/cwd");
    refused!(w.read("zero").await, FsError::Escapes { .. });
    refused!(w.dir.list(&docs("cwd")).await, FsError::Escapes { .. });
    let dev = Dir::mount("/dev", "/dev").unwrap();
    let zero = Access::new(["/dev/"], "/dev/zero").unwrap();
    refused!(dev.read(&zero).await, FsError::NotAFile { .. });
    // A magic link of /proc leads anywhere; it is refused though its mount is all of /proc.
    let proc = Dir::mount("/proc", "/proc").unwrap();
    let root = Access::new(["/proc/"], "/proc/self/root/etc/passwd").unwrap();
    assert!(proc.read(&root).await.is_err());
}

#[tokio::test]
async fn sizes_are_limits_while_reading() {
    let w = world();
    let small = Dir::from(w.mount().max_bytes(3));
    fs::write(w.real("docs/three"), "123").unwrap();
    fs::write(w.real("docs/four"), "1234").unwrap();
    assert_eq!(small.read(&docs("three")).await.unwrap(), b"123");
    refused!(
        small.read(&docs("four")).await,
        FsError::TooLarge { max: 3, .. }
    );
    refused!(
        small.write(&docs("new"), "1234").await,
        FsError::TooLarge { .. }
    );
    refused!(
        small.append(&docs("three"), "1234").await,
        FsError::TooLarge { .. }
    );
    assert!(!w.real("docs/new").exists());
    assert_eq!(
        Dir::from(w.mount().max_bytes(u64::MAX))
            .read(&docs("four"))
            .await
            .unwrap(),
        b"1234"
    );
    // A file whose metadata claims no bytes.
    let proc = Dir::from(Mount::open("/p", "/proc/self").unwrap().max_bytes(3));
    let status = Access::new(["/p/"], "/p/status").unwrap();
    refused!(proc.read(&status).await, FsError::TooLarge { .. });
}

#[tokio::test]
async fn lists_are_sorted_and_bounded() {
    let w = world();
    w.link("../private/key", "docs/link");
    fs::write(w.real("docs/bad\nname"), "").unwrap();
    let names = |list: Vec<super::Entry>| {
        list.into_iter()
            .map(|e| (e.name, e.kind, e.size))
            .collect::<Vec<_>>()
    };
    let expected = vec![
        ("a.txt".to_owned(), EntryKind::File, 1),
        ("link".to_owned(), EntryKind::Link, 0),
        ("sub".to_owned(), EntryKind::Directory, 0),
    ];
    assert_eq!(
        names(w.dir.list(&only("/srv/files/docs")).await.unwrap()),
        expected
    );
    assert_eq!(w.dir.list(&only("/srv/files")).await.unwrap().len(), 2);
    assert_eq!(w.dir.list(&docs("sub")).await.unwrap().len(), 1);
    let short = Dir::from(w.mount().max_entries(3));
    refused!(short.list(&docs("")).await, FsError::TooMany { max: 3, .. });
    assert_eq!(short.list(&only("/srv/files")).await.unwrap().len(), 2);
}

#[tokio::test]
async fn innermost_mount_wins_and_read_only_holds() {
    let w = world();
    let inner = Mount::open("/srv/files/docs", w.root.path().join("outside"))
        .unwrap()
        .read_only();
    let dir = w.dir.clone().and_mount(inner.clone()).unwrap();
    assert_eq!(dir.read_to_string(&docs("key")).await.unwrap(), SECRET);
    refused!(dir.read(&docs("a.txt")).await, FsError::NotFound { .. });
    refused!(dir.write(&docs("key"), "x").await, FsError::ReadOnly { .. });
    refused!(
        dir.append(&docs("key"), "x").await,
        FsError::ReadOnly { .. }
    );
    refused!(dir.and_mount(inner), FsError::MountTwice { .. });
    refused!(
        Mount::open("/a", w.root.path().join("none")),
        FsError::Mount { .. }
    );
    for prefix in ["a", "/a%2eb", "/a…b", "/a\u{200b}b"] {
        refused!(
            Mount::open(prefix, w.root.path()),
            FsError::NotNormal { .. }
        );
    }
}

#[tokio::test]
async fn write_replaces_at_once_and_leaves_nothing_behind() {
    let w = world();
    let path = w.real("docs/a.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    w.dir.write(&docs("a.txt"), "new").await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o640
    );
    w.dir.append(&docs("a.txt"), "er").await.unwrap();
    assert_eq!(w.read("a.txt").await.unwrap(), "newer");
    w.dir.append(&docs("log"), "line").await.unwrap();
    w.dir
        .write(&only("/srv/files/docs/c.txt"), "c")
        .await
        .unwrap();
    assert_eq!(w.read("c.txt").await.unwrap(), "c");
    refused!(
        w.dir.write(&docs("none/new"), "x").await,
        FsError::NotFound { .. }
    );
    assert_eq!(w.dir.list(&docs("")).await.unwrap().len(), 4);

    let (one, two) = ("1".repeat(200_000), "2".repeat(200_000));
    w.dir.write(&docs("a.txt"), one.clone()).await.unwrap();
    let reader = {
        let path = path.clone();
        std::thread::spawn(move || {
            for _ in 0..200 {
                let text = fs::read(&path).unwrap();
                assert_eq!(text.len(), 200_000);
                assert!(text.windows(2).all(|pair| pair[0] == pair[1]));
            }
        })
    };
    while !reader.is_finished() {
        w.dir.write(&docs("a.txt"), two.clone()).await.unwrap();
        w.dir.write(&docs("a.txt"), one.clone()).await.unwrap();
    }
    reader.join().unwrap();
}

/// Swaps a directory for a link to `target` and back, thousands of times.
fn swap(real: &Path, target: &str) {
    let away = real.with_extension("away");
    let link = real.with_extension("link");
    for _ in 0..3000 {
        symlink(target, &link).unwrap();
        fs::rename(real, &away).unwrap();
        fs::rename(&link, real).unwrap();
        fs::remove_file(real).unwrap();
        fs::rename(&away, real).unwrap();
    }
}

#[tokio::test]
async fn attack_17_race_between_check_and_open() {
    // The granted directory itself, one below it, and one on the way to it.
    for (swapped, granted, path) in [
        ("docs", "/srv/files/docs/", "/srv/files/docs/key"),
        ("docs/sub", "/srv/files/docs/", "/srv/files/docs/sub/key"),
        ("docs", "/srv/files/docs/sub/", "/srv/files/docs/sub/key"),
    ] {
        let w = world();
        // The files that may be read say so; the files that the link leads to say otherwise.
        fs::write(w.real("docs/key"), "mine").unwrap();
        fs::write(w.real("docs/sub/key"), "mine").unwrap();
        fs::create_dir(w.real("private/sub")).unwrap();
        fs::write(w.real("private/sub/key"), SECRET).unwrap();
        let target = if swapped == "docs" {
            "private"
        } else {
            "../private"
        };
        let access = Access::new([granted], path).unwrap();
        let fresh = Access::new([granted], &path.replace("key", "fresh")).unwrap();
        let real = w.real(swapped);
        let swapper = std::thread::spawn(move || swap(&real, target));
        let (mut read, mut refused) = (0, 0);
        while !swapper.is_finished() {
            match w.dir.read_to_string(&access).await {
                Ok(text) => {
                    assert_eq!(text, "mine");
                    read += 1;
                }
                Err(_) => refused += 1,
            }
            let _ = w.dir.append(&fresh, "x").await;
        }
        swapper.join().unwrap();
        assert!(
            read > 0 && refused > 0,
            "no race: {read} read, {refused} refused"
        );
        assert!(
            !w.real("private/fresh").exists(),
            "written out of the grant"
        );
        assert!(
            !w.real("private/sub/fresh").exists(),
            "written out of the grant"
        );
    }
}

#[tokio::test]
async fn what_a_write_left_unfinished_is_not_shown_read_or_written() {
    let w = world();
    let left = ".bailiwick-0b0ee0f4-0000-4000-8000-000000000000.tmp";
    fs::write(w.real(&format!("docs/{left}")), SECRET).unwrap();
    fs::create_dir(w.real("docs/.bailiwick-dir.tmp")).unwrap();
    w.link(left, "docs/leads");
    let listed = w.dir.list(&docs("")).await.unwrap();
    let names: Vec<_> = listed.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["a.txt", "leads", "sub"]);
    for path in [left, ".bailiwick-.tmp", ".bailiwick-dir.tmp/a", "leads"] {
        refused!(w.read(path).await, FsError::Unfinished { .. });
    }
    let inside = docs(left);
    refused!(w.dir.write(&inside, "x").await, FsError::Unfinished { .. });
    refused!(w.dir.append(&inside, "x").await, FsError::Unfinished { .. });
    refused!(
        w.dir.list(&docs(".bailiwick-dir.tmp")).await,
        FsError::Unfinished { .. }
    );
    // A name that is only similar to one may be used.
    for name in [".bailiwick-notes", "bailiwick-1.tmp", ".bailiwick.tmp"] {
        w.dir.write(&docs(name), "x").await.unwrap();
        assert_eq!(w.read(name).await.unwrap(), "x");
    }
}

#[tokio::test]
async fn the_first_write_to_a_directory_removes_what_is_long_left_over() {
    let w = world();
    let (old, new) = ("docs/.bailiwick-old.tmp", "docs/.bailiwick-new.tmp");
    for left in [old, new] {
        fs::write(w.real(left), "half").unwrap();
    }
    let before = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 60 * 60);
    let file = fs::File::options().write(true).open(w.real(old)).unwrap();
    file.set_modified(before).unwrap();
    w.read("a.txt").await.unwrap();
    w.dir.list(&docs("")).await.unwrap();
    assert!(w.real(old).exists(), "reading removes nothing");
    w.dir.write(&docs("b.txt"), "b").await.unwrap();
    assert!(!w.real(old).exists());
    assert!(w.real(new).exists(), "another process may be at it");
}

#[tokio::test]
async fn a_granted_link_is_named_and_so_is_the_way_out() {
    let w = world();
    w.link("docs", "current");
    let access = Access::new(["/srv/files/current/sub/"], "/srv/files/current/sub/b.txt").unwrap();
    let said = w.dir.read(&access).await.unwrap_err().to_string();
    for part in ["symbolic link `/srv/files/current`", "mount that directory"] {
        assert!(said.contains(part), "{said}");
    }
    // Mounted where the link stands, it is served.
    let mount = Mount::open("/srv/files/current", w.real("current")).unwrap();
    let dir = w.dir.clone().and_mount(mount).unwrap();
    assert_eq!(dir.read_to_string(&access).await.unwrap(), "b");
}

#[tokio::test]
async fn a_file_with_more_names_says_what_the_operator_can_do() {
    let w = world();
    fs::hard_link(w.real("docs/a.txt"), w.real("docs/second")).unwrap();
    let said = w.read("second").await.unwrap_err().to_string();
    assert!(said.contains("Mount::allow_hard_links"), "{said}");
    let dir = Dir::from(w.mount().allow_hard_links());
    dir.write(&docs("second"), "new").await.unwrap();
    // The other name keeps the old file.
    assert_eq!(w.read("a.txt").await.unwrap(), "a");
}

#[test]
fn a_mount_in_the_place_of_a_file_is_named_and_so_is_the_way_out() {
    let busy = std::io::Error::from_raw_os_error(EBUSY);
    let error = FsError::io("/srv/files/docs/a.txt", busy);
    refused!(Err::<(), _>(&error), FsError::MountPoint { .. });
    assert!(error.to_string().contains("bind its directory"), "{error}");
}

/// What a rename over a mount gives.
const EBUSY: i32 = 16;

#[test]
fn an_edit_while_a_new_file_is_written_is_not_lost() {
    let w = world();
    let mounts = [w.mount()];
    let real = w.real("docs/a.txt");
    let edits: [(&str, &dyn Fn()); 4] = [
        ("written in place", &|| fs::write(&real, "theirs").unwrap()),
        ("replaced", &|| {
            fs::write(w.real("docs/other"), "theirs").unwrap();
            fs::rename(w.real("docs/other"), &real).unwrap();
        }),
        ("removed", &|| fs::remove_file(&real).unwrap()),
        // After it was removed there was nothing in its place.
        ("created", &|| fs::write(&real, "theirs").unwrap()),
    ];
    for (what, edit) in edits {
        let access = docs("a.txt");
        let place = OpenGrant::open(&mounts, &access).unwrap();
        let filled = place.fill(b"mine").unwrap();
        edit();
        let theirs = fs::read_to_string(&real).ok();
        let error = filled.take_its_name().unwrap_err();
        assert!(matches!(error, FsError::Changed { .. }), "{what}: {error}");
        assert_eq!(fs::read_to_string(&real).ok(), theirs, "{what}");
        let left = fs::read_dir(w.real("docs")).unwrap();
        assert_eq!(left.count(), if theirs.is_some() { 2 } else { 1 }, "{what}");
    }
    let access = docs("a.txt");
    let place = OpenGrant::open(&mounts, &access).unwrap();
    place.fill(b"mine").unwrap().take_its_name().unwrap();
    assert_eq!(fs::read_to_string(&real).unwrap(), "mine");
}
