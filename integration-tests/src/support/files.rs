//! A real directory behind the door to files, and tokens for parts of it.

use std::fs;

use bailiwick::capability::{Constraint, Grant, Held, Scope, any};
use bailiwick::tool::fs::{AppendFile, Dir, ListFiles, ReadFile, WriteFile};
use bailiwick::tool::{Gate, Outcome, Toolbox};
use serde_json::json;
use tempfile::TempDir;

use super::{Home, call};

pub struct Files {
    pub real: TempDir,
    pub home: Home,
    pub gate: Gate,
}

/// `/srv` on a real directory with `docs/a.txt`, `docs/sub/b.txt`, `secret/s.txt`; and beside the
/// mount a file that no agent may see.
pub fn files() -> Files {
    let real = TempDir::new().unwrap();
    let root = real.path();
    fs::write(root.join("outside.txt"), "OUTSIDE").unwrap();
    for dir in ["srv/docs/sub", "srv/secret", "srv/docs-old"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    for (name, text) in [
        ("docs/a.txt", "a"),
        ("docs/sub/b.txt", "b"),
        ("secret/s.txt", "SECRET"),
        ("docs-old/o.txt", "OLD"),
    ] {
        fs::write(root.join("srv").join(name), text).unwrap();
    }
    let dir = Dir::mount("/srv", root.join("srv")).unwrap();
    let home = Home::new();
    let gate = home.gate(over(&dir));
    Files { real, home, gate }
}

pub fn over(dir: &Dir) -> Toolbox {
    Toolbox::builder()
        .tool(ReadFile::new(dir))
        .tool(WriteFile::new(dir))
        .tool(AppendFile::new(dir))
        .tool(ListFiles::new(dir))
        .build()
        .unwrap()
}

impl Files {
    pub fn srv(&self, name: &str) -> std::path::PathBuf {
        self.real.path().join("srv").join(name)
    }

    pub fn held(&self, paths: Constraint) -> Held {
        let scope = Scope::new()
            .grant(Grant::new("fs.read").arg("path", paths.clone()))
            .grant(Grant::new("fs.list").arg("path", paths.clone()))
            .grant(
                Grant::new("fs.write")
                    .arg("path", paths.clone())
                    .arg("text", any()),
            )
            .grant(
                Grant::new("fs.append")
                    .arg("path", paths)
                    .arg("text", any()),
            );
        self.home.held(&scope)
    }

    pub async fn read(&self, held: &Held, path: &str) -> Outcome {
        call(
            &self.gate,
            held,
            "fs.read",
            &json!({ "path": path }).to_string(),
        )
        .await
    }

    pub async fn write(&self, held: &Held, how: &str, path: &str, text: &str) -> Outcome {
        let raw = json!({ "path": path, "text": text }).to_string();
        call(&self.gate, held, how, &raw).await
    }
}

/// The door refused what the token's text allowed.
pub fn refused(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    let text = format!("{outcome:?}");
    assert!(
        !text.contains("SECRET") && !text.contains("OUTSIDE"),
        "{text}"
    );
}
