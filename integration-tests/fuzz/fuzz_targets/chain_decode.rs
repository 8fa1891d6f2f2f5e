//! Any bytes into every function that reads bytes or text: an error, never a panic, within bounded work; and
//! what is accepted is written again as the same bytes.

#![no_main]

use bailiwick::capability::{AgentKey, Authority, KeyRing, PublicKey, RootKey, from_text, to_text};
use bailiwick_fuzz::oracle;
use bailiwick_integration_tests::forge;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let root = |seed, key_id| RootKey {
        key: forge::authority(&forge::key(seed)).public(),
        key_id,
    };
    let ring = KeyRing::new([root(201, None), root(202, Some(7))]);
    token(&ring, data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(bytes) = from_text(text) {
        assert_eq!(to_text(&bytes), text, "another spelling of the text form");
        token(&ring, &bytes);
    }
    if let Ok(key) = text.parse::<PublicKey>() {
        assert_eq!(key.to_string(), text, "another spelling of a key");
        assert_eq!(PublicKey::from_bytes(*key.as_bytes()).ok(), Some(key));
    }
    if let Ok(key) = AgentKey::from_pem(text) {
        let pem = key.danger_to_pem().expect("a key is written");
        let again = AgentKey::from_pem(&pem).expect("what is written is read");
        assert_eq!(again.public(), key.public());
    }
    let _ = Authority::from_pem(text);
});

fn token(ring: &KeyRing, bytes: &[u8]) {
    let chain = oracle::read(ring, bytes);
    let wire = oracle::wire(ring, bytes);
    assert!(chain.is_none() || wire.is_none(), "a chain is no wire call");
    if let Some(wire) = wire {
        let mut token = forge::parts(&wire.chain().to_bytes());
        token.proof = forge::parts(bytes).proof;
        assert_eq!(forge::bytes(&token), bytes, "read and written differ");
    }
}
