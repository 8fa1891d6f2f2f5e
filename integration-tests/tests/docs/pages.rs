//! What the documentation says is there: pages, links, tests by their names, scopes that can be read.

#![expect(
    clippy::unwrap_used,
    reason = "a page that cannot be read fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bailiwick::capability::Scope;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}

/// The targets of the links of a page: of `[text](target)` the target, code apart.
fn links(page: &str) -> Vec<String> {
    let mut code = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        let plain: String = line
            .split('`')
            .enumerate()
            .filter(|(index, _)| index % 2 == 0)
            .map(|(_, part)| part)
            .collect();
        let targets = plain
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'));
        found.extend(
            targets
                .filter(|_| !code)
                .map(|(target, _)| target.to_owned()),
        );
    }
    found
}

/// The anchors that headings make.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let text = text
            .chars()
            .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        text.map(|letter| if letter == ' ' { '-' } else { letter })
            .collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut pages = files(&root().join("docs"), "md");
    let beside = [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ];
    pages.extend(beside.map(|page| root().join(page)));
    let mut broken = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        for link in links(&text) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(path)
            };
            let there = target.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&target).unwrap()).contains(anchor));
            if !there {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_page_is_in_the_summary() {
    let src = root().join("docs/src");
    let summary = fs::read_to_string(src.join("SUMMARY.md")).unwrap();
    let listed: BTreeSet<_> = links(&summary)
        .into_iter()
        .map(|link| src.join(link))
        .collect();
    let pages = files(&src, "md")
        .into_iter()
        .filter(|page| !page.ends_with("SUMMARY.md"));
    assert_eq!(pages.collect::<BTreeSet<_>>(), listed);
}

/// Every word of a text that is the name of a test of an attack.
fn attacks(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| {
            word.strip_prefix("attack_")
                .is_some_and(|rest| rest.as_bytes().first().is_some_and(u8::is_ascii_digit))
        })
}

#[test]
fn the_security_model_names_tests_that_are_there() {
    let page = fs::read_to_string(root().join("docs/src/security-model.md")).unwrap();
    let mut tests = BTreeSet::new();
    for dir in ["sdk", "macros", "cli", "examples", "integration-tests"] {
        for file in files(&root().join(dir), "rs") {
            let text = fs::read_to_string(file).unwrap();
            let named = text
                .split("fn ")
                .skip(1)
                .filter_map(|rest| attacks(rest.split('(').next()?).next());
            tests.extend(named.map(str::to_owned));
        }
    }
    let missing: Vec<_> = attacks(&page)
        .filter(|name| !tests.contains(*name))
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
    let page_names: BTreeSet<&str> = attacks(&page).collect();
    let unnamed: Vec<_> = tests
        .iter()
        .filter(|name| !page_names.contains(name.as_str()))
        .collect();
    assert!(unnamed.is_empty(), "the page does not name: {unnamed:?}");
    // Each group of tests is in the file that its row names.
    for row in page.lines().filter(|line| line.contains("| `attack_")) {
        let file = row.split('|').nth(3).unwrap().trim().trim_matches('`');
        let beneath = root().join("integration-tests/tests").join(file);
        let path = if beneath.exists() {
            beneath
        } else {
            root().join(file)
        };
        let text = fs::read_to_string(path).unwrap();
        for name in attacks(row) {
            assert!(
                text.contains(&format!("fn {name}(")),
                "{name} is not in {file}"
            );
        }
    }
    // The tests of one attack are in one file of `attacks`, or elsewhere for a reason that the page gives.
    let reasons: Vec<&str> = page
        .split("| where | why |")
        .nth(1)
        .unwrap()
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .flat_map(|line| line.split('|').nth(1).unwrap().split(", "))
        .map(|place| place.trim().trim_matches('`'))
        .collect();
    let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in page.lines().filter(|line| line.contains("| `attack_")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let (number, file) = (cells[1], cells[3].trim_matches('`'));
        if file.starts_with(&format!("attacks/a{number:0>2}_")) {
            files.entry(number).or_default().insert(file);
        } else {
            let has_reason = reasons.iter().any(|place| file.starts_with(place));
            assert!(has_reason, "attack {number}: no reason for {file}");
        }
    }
    let several: Vec<_> = files.iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(several.is_empty(), "of one attack, one file: {several:?}");
    // A row for each attack, and none that says open of what a test carries out.
    for number in 1..=32 {
        let start = format!("| {number} |");
        let row = page
            .lines()
            .find(|line| line.starts_with(&start))
            .unwrap_or_else(|| panic!("no row {start}"));
        let tested = tests
            .iter()
            .any(|name| name.starts_with(&format!("attack_{number:02}_")));
        assert_eq!(tested, attacks(row).next().is_some(), "{row}");
    }
}

#[test]
fn the_scopes_of_the_documentation_can_be_read() {
    let page = fs::read_to_string(root().join("docs/src/scopes.md")).unwrap();
    let mut read = 0;
    for block in page.split("\n```").filter(|block| !block.contains('…')) {
        let scope = match block.split_once('\n') {
            Some(("json", text)) => Scope::from_json(text),
            Some(("toml", text)) => Scope::from_toml(text),
            _ => continue,
        };
        scope.unwrap_or_else(|error| panic!("{error} in{block}"));
        read += 1;
    }
    assert!(read >= 3, "only {read} scopes were found");
}

/// The words of a page in code that are paths, apart from patterns and commands.
fn paths(page: &str) -> impl Iterator<Item = &str> {
    let code = page
        .split('`')
        .enumerate()
        .filter(|(index, _)| index % 2 == 1);
    code.map(|(_, word)| word).filter(|word| {
        let placeholder = word.contains("NAME") || word.contains("FILE");
        word.contains('/') && !placeholder && !word.contains([' ', '{', ':'])
    })
}

#[test]
fn the_recipes_name_files_that_are_there() {
    let page = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let named: BTreeSet<_> = paths(&page).filter(|path| !path.ends_with('/')).collect();
    assert!(named.len() > 30, "only {} paths were found", named.len());
    let missing: Vec<_> = named
        .iter()
        .filter(|path| !root().join(path).exists())
        .filter(|path| !root().join("sdk/src").join(path).exists())
        .collect();
    assert!(missing.is_empty(), "no such files: {missing:?}");
}
