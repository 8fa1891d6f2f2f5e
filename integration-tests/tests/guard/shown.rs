//! What is shown of a block is what the stock library reads in it.
#![expect(clippy::panic, reason = "helpers of tests")]

use bailiwick::capability::{AgentKey, Authority, Grant, KeyRing, Mandate, Scope, one_of};
use bailiwick::id::Timestamp;
use bailiwick_integration_tests::random::{Rng, World, grow};
use bailiwick_integration_tests::stock;
use biscuit_auth::parser::{SourceResult, parse_block_source};

/// Facts and checks, read from Datalog text; the rest of what a text can hold is in no block.
fn read(text: &str) -> (Vec<String>, Vec<String>) {
    let SourceResult {
        facts,
        checks,
        rules,
        scopes,
        ..
    } = parse_block_source(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    assert!(rules.is_empty() && scopes.is_empty(), "{text}");
    (
        facts.iter().map(|(_, fact)| format!("{fact:?}")).collect(),
        checks
            .iter()
            .map(|(_, check)| format!("{check:?}"))
            .collect(),
    )
}

#[test]
fn the_datalog_that_is_shown_is_the_blocks_own() {
    let mut rng = Rng::new(20_261_122);
    let mut shown = 0;
    while shown < 300 {
        let root = Authority::generate();
        let ring = KeyRing::new([root.root()]);
        let world = World::random(&mut rng);
        let grown = grow(&mut rng, &world, &root, &ring);
        let token = stock::bearer(&grown.chain, &grown.key());
        for (index, hop) in grown.chain.hops().enumerate() {
            let ours: String = hop
                .datalog()
                .iter()
                .map(|line| format!("{line};\n"))
                .collect();
            // The stock printer escapes neither quotes nor newlines, and its parser takes a set of
            // one for a parameter.
            let unread = ["\\\"", "\\n", "{ true}", "{ false}", "{ hex:"];
            if unread.iter().any(|text| ours.contains(text)) {
                continue;
            }
            // Backslashes are those of patterns. Operators are shown without the mark that they are
            // eager, as all of a block in profile are.
            let theirs = token.print_block_source(index).unwrap();
            let theirs = theirs
                .replace(" &&! ", " && ")
                .replace(" ||! ", " || ")
                .replace('\\', "\\\\");
            assert_eq!(read(&ours), read(&theirs), "{theirs}");
            shown += 1;
        }
    }
}

#[test]
fn only_a_set_of_one_that_is_read_as_a_parameter_has_a_space() {
    let scope = Scope::new().grant(
        Grant::new("fs.read")
            .arg("path", one_of(["/a"]))
            .arg("follow", one_of([true])),
    );
    let (root, key) = (Authority::generate(), AgentKey::generate());
    let now = Timestamp::from_secs(1_800_000_000).unwrap();
    let token = root
        .mint(&scope, &Mandate::default(), key.public(), now)
        .unwrap();
    let held = token.held_by(key).unwrap();
    let shown: String = held.chain().hops().flat_map(|hop| hop.datalog()).collect();
    assert!(shown.contains(r#"{"/a"}"#), "{shown}");
    assert!(shown.contains("{ true}"), "{shown}");
}
