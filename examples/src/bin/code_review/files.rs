//! Which files of a repository are reviewed.

use std::fs;
use std::path::Path;

use bailiwick_examples::stage::Fault;

/// A larger file is not reviewed.
const LARGEST: u64 = 60_000;

/// The longest Rust sources of a repository, as the agents name them.
pub(crate) fn longest(root: &Path, most: usize) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    walk(root, "/repo", &mut found)?;
    if found.is_empty() {
        return Err(format!("there are no Rust files in {}", root.display()).into());
    }
    // Of the same length, by name: the same repository gives the same review.
    found.sort_by(|(one, a), (other, b)| other.cmp(one).then_with(|| a.cmp(b)));
    Ok(found.into_iter().take(most).map(|(_, path)| path).collect())
}

fn walk(real: &Path, path: &str, found: &mut Vec<(u64, String)>) -> Result<(), Fault> {
    for entry in fs::read_dir(real)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let kind = entry.file_type()?;
        let path = format!("{path}/{name}");
        // What is hidden, built or a test is not reviewed. A link is not followed: it may lead out.
        if kind.is_dir() && !["target", "tests"].contains(&name) && !name.starts_with('.') {
            walk(&entry.path(), &path, found)?;
        } else if kind.is_file() && name.ends_with(".rs") && name != "tests.rs" {
            let length = entry.metadata()?.len();
            if length <= LARGEST {
                found.push((length, path));
            }
        }
    }
    Ok(())
}
