//! Files, reached through tokens: what was checked is what is opened.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use bailiwick::capability::{Grant, Kind, Scope, any, eq, path_under, prefix};
use bailiwick::tool::Outcome;
use bailiwick::tool::fs::{Dir, Mount};
use bailiwick_integration_tests::support::call;
use bailiwick_integration_tests::support::files::{files, over, refused};
use bailiwick_integration_tests::{denied, value};
use serde_json::{Value, json};

#[tokio::test]
async fn files_are_read_written_appended_and_listed() {
    let files = files();
    let held = files.held(path_under("/srv/docs"));
    assert_eq!(value!(files.read(&held, "/srv/docs/sub/b.txt").await), "b");
    value!(
        files
            .write(&held, "fs.write", "/srv/docs/n.txt", "one")
            .await
    );
    value!(
        files
            .write(&held, "fs.append", "/srv/docs/n.txt", " two")
            .await
    );
    assert_eq!(
        fs::read_to_string(files.srv("docs/n.txt")).unwrap(),
        "one two"
    );
    let listed = value!(call(&files.gate, &held, "fs.list", r#"{"path":"/srv/docs"}"#).await);
    let names: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|line| &line["name"])
        .collect();
    assert_eq!(names, ["a.txt", "n.txt", "sub"]);
}

#[tokio::test]
async fn what_is_read_carries_its_taint() {
    let files = files();
    let held = files.held(path_under("/srv"));
    let Outcome::Value { exposure, .. } = files.read(&held, "/srv/docs/a.txt").await else {
        panic!()
    };
    assert!(exposure.taint.contains("file"));
}

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
