//! Everything that the attribute takes, in a crate that names nothing but `bailiwick`. `tests/ui` is what
//! must not compile.
//!
//! This stands here, and not among those cases: they are only checked. With one of them that runs,
//! everything below them would be built a second time, not checked.
#![cfg(test)]

use bailiwick::tool;
use bailiwick::tool::fs::{Dir, FsError};
use bailiwick::tool::{Exact, Invocation, SafePath, State, Tool, ToolError, Toolbox};

type Done<T> = Result<T, FsError>;

/// Read a UTF-8 file.
#[tool(capability = "fs.read", effect = read, risk = low, taints = ["file"], idempotent)]
pub async fn read_file(dir: &State<Dir>, #[resource] path: SafePath) -> Result<String, ToolError> {
    Ok(dir.read_to_string(&path).await?)
}

#[tool(
    capability = "all",
    effect = delete,
    risk = critical,
    sensitivity = restricted,
    datasets = ["customers", "orders"],
    taints = [],
)]
async fn all(
    r#type: Option<String>,
    /// Where.
    #[resource]
    maybe: Option<SafePath>,
    #[resource] name: Exact<String>,
    mut numbers: Vec<u64>,
    dir: &bailiwick::tool::State<Dir>,
    invocation: &Invocation,
) -> Done<usize> {
    numbers.push(1);
    if r#type.is_none() {
        return Ok(0);
    }
    if let Some(path) = maybe {
        dir.read(&path).await?;
    }
    Ok(name.0.len() + numbers.len() + invocation.permit().capability().len())
}

struct Arguments;

struct Notes(u8);

#[tool]
impl Notes {
    const ONE: u8 = 1;

    /// Count.
    #[tool(capability = "notes.count", effect = read, risk = low)]
    pub async fn count(&self, to: u8) -> Result<u8, ToolError> {
        Ok(self.helper() + Self::ONE + to)
    }

    #[bailiwick::tool(capability = "notes.two", effect = read, risk = low)]
    async fn two(&self, dir: &State<Dir>, #[resource] path: SafePath) -> Done<Vec<u8>> {
        dir.read(&path).await
    }

    #[cfg(any())]
    #[tool(capability = "notes.never", effect = read, risk = low)]
    async fn never(&self) -> Missing {}

    fn helper(&self) -> u8 {
        self.0
    }
}

#[test]
fn whatever_the_attribute_takes_is_a_tool() {
    let _ = Arguments;
    assert_eq!(Tool::declaration(&read_file).capability(), "fs.read");
    let schema = all.parameters();
    assert_eq!(
        schema["required"],
        bailiwick::__private::serde_json::json!(["name", "numbers"])
    );
    assert_eq!(schema["properties"]["maybe"]["description"], "Where.");
    assert!(schema["properties"]["type"].is_object());
    let dir = Dir::mount("/here", ".").unwrap();
    Toolbox::builder()
        .tool(read_file)
        .tool(all)
        .tools(Notes(1))
        .state(dir)
        .build()
        .unwrap();
}
