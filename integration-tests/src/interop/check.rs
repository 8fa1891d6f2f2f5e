//! What others made, and what is said of it here.

use std::collections::BTreeSet;

use bailiwick::capability::{
    Call, CallNonce, Chain, Facts, KeyRing, Kind, Refusal, Skip, from_text,
};
use serde::Deserialize;
use serde_json::json;

use super::chains::{AUDIENCE, NONCE, PATH, TOOL, now, root};
use crate::forge;

/// A token that another implementation made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// What it is.
    pub name: String,
    /// Its text form.
    pub token: String,
    /// The private key of its holder as a seed in hexadecimal; none for a call over the wire.
    pub holder_key: Option<String>,
}

/// What is made, and how it is refused: the kind, and words of the reason.
const EXPECTED: [(&str, Option<(Kind, &str)>); 12] = [
    ("hop_by_the_library", None),
    ("narrower_hop_by_the_library", None),
    ("approval_by_the_library", None),
    ("call_by_the_library", None),
    ("hop_for_a_named_key", None),
    ("call_of_our_own", None),
    // It interns the name of a predicate before its terms, the profile after them.
    (
        "hop_with_new_words_by_the_library",
        Some((Kind::Malformed, "not in canonical form")),
    ),
    (
        "call_with_new_words_by_the_library",
        Some((Kind::Malformed, "not in canonical form")),
    ),
    // It gives its token the next private key.
    (
        "bearer_by_the_library",
        Some((Kind::NotHolder, "carries a secret")),
    ),
    // It signs first blocks with payload version 0.
    (
        "token_by_the_library",
        Some((Kind::Malformed, "payload version 1")),
    ),
    (
        "third_party_hop_by_the_library",
        Some((Kind::Malformed, "signed by a third party, and no other")),
    ),
    (
        "hop_without_an_end_by_the_library",
        Some((Kind::Malformed, "none of the four kinds")),
    ),
];

/// Checks each token, and that all were made.
pub fn check(made: &[Made]) {
    let names: BTreeSet<&str> = made.iter().map(|made| made.name.as_str()).collect();
    let expected: BTreeSet<&str> = EXPECTED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected);
    assert_eq!(names.len(), made.len(), "each once");
    for made in made {
        let name = made.name.as_str();
        let (_, refused) = EXPECTED.iter().find(|(known, _)| *known == name).unwrap();
        match (ask(made, PATH), refused) {
            (Ok(chain), None) => accepted(made, &chain),
            (Err(refusal), Some((kind, words))) => {
                assert_eq!(refusal.kind(), *kind, "{name}: {refusal}");
                assert!(refusal.detail().contains(words), "{name}: {refusal}");
            }
            (answer, _) => panic!("{name}: {answer:?}, expected {refused:?}"),
        }
    }
}

/// What is accepted is as deep as it should be, and allows no more than it should.
fn accepted(made: &Made, chain: &Chain) {
    let name = made.name.as_str();
    let depth = match name {
        "call_by_the_library" | "approval_by_the_library" => 0,
        _ => 1,
    };
    assert_eq!(chain.depth(), depth, "{name}");
    for (path, narrow) in [("/srv/docs/a.md", true), ("/etc/passwd", false)] {
        let answer = ask(made, path).map(drop);
        // A call is for its arguments alone, and so is an approval.
        let one = name.starts_with("call_") || name.starts_with("approval_");
        let fine = narrow && !one && name != "narrower_hop_by_the_library";
        assert_eq!(answer.is_ok(), fine, "{name} {path}: {answer:?}");
    }
}

fn ask(made: &Made, path: &str) -> Result<Chain, Refusal> {
    let ring = KeyRing::new([forge::agent(&root()).public()]);
    let bytes = from_text(&made.token).unwrap();
    let chain = match &made.holder_key {
        Some(seed) => {
            let byte = |index| u8::from_str_radix(&seed[2 * index..2 * index + 2], 16).unwrap();
            let key = forge::agent(&forge::from_seed(std::array::from_fn(byte)));
            ring.chain(&bytes)?.held_by(key)?.chain().clone()
        }
        None => ring.wire_call(&bytes)?.chain().clone(),
    };
    let args = json!({ "path": path }).as_object().unwrap().clone();
    let call = Call::with_nonce(TOOL, args, CallNonce(NONCE))?;
    let facts = Facts {
        audience: Some(AUDIENCE.to_owned()),
        ..Facts::at(now())
    };
    chain.explain(&call, &facts, Skip::default())?;
    Ok(chain)
}
