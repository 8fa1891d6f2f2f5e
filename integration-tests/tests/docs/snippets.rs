//! The code of the book and of the READMEs can be pasted as it is shown.

#![expect(
    clippy::unwrap_used,
    reason = "a page that cannot be read fails the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The pages outside of the book.
const BESIDE: [&str; 6] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "sdk/README.md",
    "cli/README.md",
    "macros/README.md",
];

/// How an item of Rust begins at the left margin, and how it ends there.
const ITEMS: [&str; 16] = [
    "use ",
    "//",
    "#[",
    "pub ",
    "struct ",
    "enum ",
    "trait ",
    "impl",
    "fn ",
    "async fn ",
    "const ",
    "static ",
    "type ",
    "mod ",
    "}",
    ")",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The pages of the book and the READMEs, each with its path beneath the root.
fn pages() -> Vec<(String, String)> {
    let book = fs::read_dir(root().join("docs/src")).unwrap();
    let book = book.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let book = book
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/src/{name}"));
    book.chain(BESIDE.map(str::to_owned))
        .map(|path| {
            let text = fs::read_to_string(root().join(&path)).unwrap();
            (path, text)
        })
        .collect()
}

/// The blocks of code of a page that rustdoc takes for Rust, each with the line at which it begins.
fn snippets(page: &str) -> Vec<(usize, Vec<&str>)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, bool, Vec<&str>)> = None;
    for (index, line) in page.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        open = match (open, fence) {
            (None, Some(language)) => Some((index + 1, is_rust(language), Vec::new())),
            (Some((start, rust, lines)), Some(_)) => {
                if rust {
                    found.push((start, lines));
                }
                None
            }
            (Some((start, rust, mut lines)), None) => {
                lines.push(line);
                Some((start, rust, lines))
            }
            (None, None) => None,
        };
    }
    assert!(open.is_none(), "a block of code does not end");
    found
}

/// Whether a block with this after its fence is Rust.
fn is_rust(language: &str) -> bool {
    let first = language.split(',').next().unwrap_or_default().trim();
    [
        "",
        "rust",
        "no_run",
        "should_panic",
        "ignore",
        "compile_fail",
    ]
    .contains(&first)
}

/// Whether rustdoc and the book do not show this line of a snippet.
fn is_hidden(line: &str) -> bool {
    let line = line.trim_start();
    line == "#" || line.starts_with("# ")
}

/// What a reader who pastes this snippet into a file would find wrong.
fn fault(lines: &[&str]) -> Option<String> {
    if let Some(line) = lines.iter().find(|line| is_hidden(line)) {
        return Some(format!(
            "`{line}` is not shown; show it, or write the snippet without it"
        ));
    }
    let outside = |line: &&&str| {
        let is_item = ITEMS.iter().any(|item| line.starts_with(item));
        !is_item && !line.is_empty() && !line.starts_with(' ')
    };
    let line = lines.iter().find(outside)?;
    Some(format!(
        "`{line}` stands outside of a function; write it into `main`"
    ))
}

#[test]
fn a_reader_pastes_what_the_page_shows() {
    let (mut faults, mut seen) = (Vec::new(), 0);
    for (path, text) in pages() {
        for (line, snippet) in snippets(&text) {
            seen += 1;
            faults.extend(fault(&snippet).map(|fault| format!("{path}:{line}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(seen > 15, "only {seen} snippets were found");
}

#[test]
fn every_page_with_a_snippet_is_compiled() {
    let library = root().join("integration-tests/src/lib.rs");
    let library = fs::read_to_string(library).unwrap();
    for (path, text) in pages() {
        let included = format!("include_str!(\"../../{path}\")");
        assert_eq!(
            library.contains(&included),
            !snippets(&text).is_empty(),
            "{path}: a page is in `integration-tests/src/lib.rs` if it has snippets"
        );
    }
}

#[test]
fn a_snippet_that_cannot_be_pasted_is_found() {
    let page = "Text.\n```rust\nuse a::b;\n\nfn main() {\n    b();\n}\n```\n```toml\n# c\n```\n```\nlet d;\n```";
    let found = snippets(page);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].0, 2);
    assert_eq!(fault(&found[0].1), None);
    assert!(
        fault(&found[1].1)
            .unwrap()
            .contains("`let d;` stands outside")
    );
    for hidden in ["# use a::b;", "#", "    # let a = 1;"] {
        let fault = fault(&["fn main() {", hidden, "}"]).unwrap();
        assert!(fault.contains("is not shown"), "{fault}");
    }
    // An attribute and a comment are shown, and so is what is indented.
    for shown in ["#[tokio::main]", "// a", "    let a = b().await?;"] {
        assert_eq!(fault(&["use a::b;", shown]), None, "{shown}");
    }
}
