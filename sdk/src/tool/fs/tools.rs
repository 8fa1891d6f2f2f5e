//! Tools over a [`Dir`], ready to be put into a toolbox.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::sealed::Sealed;
use super::write::digest;
use super::{Dir, EntryKind};
use crate::capability::Risk;
use crate::guard::Effect;
use crate::tool::{
    Arguments, Declaration, Invocation, Looking, Parameter, Resource, SafePath, Tool, ToolError,
};

/// The file or directory.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    path: SafePath,
}

impl Arguments for Which {
    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": { "path": SafePath::schema() },
            "required": ["path"],
            "additionalProperties": false,
        })
    }

    fn resources(&mut self) -> Vec<(&'static str, &mut dyn Resource)> {
        vec![("path", &mut self.path)]
    }
}

/// The file, and the text for it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    path: SafePath,
    text: String,
}

impl Arguments for Text {
    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": { "path": SafePath::schema(), "text": String::schema() },
            "required": ["path", "text"],
            "additionalProperties": false,
        })
    }

    fn resources(&mut self) -> Vec<(&'static str, &mut dyn Resource)> {
        vec![("path", &mut self.path)]
    }
}

macro_rules! over_dir {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            dir: Dir,
        }

        impl $name {
            /// The tool over these mounts.
            #[must_use]
            pub fn new(dir: &Dir) -> Self {
                Self { dir: dir.clone() }
            }
        }
    };
}

over_dir! {
    /// `fs.read {path}`: the UTF-8 text of a file. What it reads has the taint `file`.
    ReadFile
}

#[async_trait]
impl Tool for ReadFile {
    type Args = Which;
    type Output = String;

    fn declaration(&self) -> Declaration {
        Declaration::new("fs.read", Effect::Read, Risk::Low)
            .describe("Read a UTF-8 text file.")
            .taints(["file"])
            .idempotent()
    }

    async fn call(&self, Which { path }: Which, _: Invocation) -> Result<String, ToolError> {
        Ok(self.dir.read_to_string(&path).await?)
    }
}

over_dir! {
    /// `fs.write {path, text}`: creates or replaces a file atomically.
    ///
    /// A call that a crash interrupted is made again only if the file is as it was before the call, or
    /// as the call makes it: an edit made meanwhile is not overwritten.
    WriteFile
}

#[async_trait]
impl Tool for WriteFile {
    type Args = Text;
    type Output = ();

    fn declaration(&self) -> Declaration {
        Declaration::new("fs.write", Effect::Write, Risk::Medium)
            .describe("Create or replace a text file. Its directory must exist.")
            .idempotent()
    }

    fn look(&self, Text { path, text }: &Text) -> Option<Looking> {
        let access = path.reach();
        let (dir, made) = (self.dir.clone(), digest(text.as_bytes()));
        Some(Box::pin(async move { Dir::look(access?, dir, made).await }))
    }

    async fn call(&self, Text { path, text }: Text, _: Invocation) -> Result<(), ToolError> {
        Ok(self.dir.write(&path, text).await?)
    }
}

over_dir! {
    /// `fs.append {path, text}`: adds to the end of a file, or creates it.
    AppendFile
}

#[async_trait]
impl Tool for AppendFile {
    type Args = Text;
    type Output = ();

    fn declaration(&self) -> Declaration {
        Declaration::new("fs.append", Effect::Write, Risk::Medium)
            .describe("Add text to the end of a file, or create it. Its directory must exist.")
    }

    async fn call(&self, Text { path, text }: Text, _: Invocation) -> Result<(), ToolError> {
        Ok(self.dir.append(&path, text).await?)
    }
}

over_dir! {
    /// `fs.list {path}`: the names in a directory, sorted. What it lists has the taint `file`:
    /// names are text that others wrote.
    ListFiles
}

/// One line of what [`ListFiles`] gives back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    name: String,
    kind: &'static str,
    size: u64,
}

#[async_trait]
impl Tool for ListFiles {
    type Args = Which;
    type Output = Vec<Line>;

    fn declaration(&self) -> Declaration {
        Declaration::new("fs.list", Effect::Read, Risk::Low)
            .describe("List a directory: name, kind and size of each entry.")
            .taints(["file"])
            .idempotent()
    }

    async fn call(&self, Which { path }: Which, _: Invocation) -> Result<Vec<Line>, ToolError> {
        let entries = self.dir.list(&path).await?;
        let lines = entries.into_iter().map(|entry| Line {
            name: entry.name,
            kind: match entry.kind {
                EntryKind::File => "file",
                EntryKind::Directory => "directory",
                EntryKind::Link => "link",
                EntryKind::Other => "other",
            },
            size: entry.size,
        });
        Ok(lines.collect())
    }
}
