//! Writes the vectors: every file anew, and no other file stays.
#![expect(clippy::unwrap_used, reason = "whatever fails here fails the command")]

use std::fs;

use bailiwick_integration_tests::vectors::{all, folder, text};

fn main() {
    let all = all();
    let folder = folder();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|found| found == "json") {
            fs::remove_file(path).unwrap();
        }
    }
    for vector in &all {
        let path = folder.join(format!("{}.json", vector.name));
        fs::write(path, text(vector)).unwrap();
    }
    println!("{} vectors in {}", all.len(), folder.display());
}
