//! Holders and chains whose bytes are then changed.

use bailiwick::capability::{
    AgentKey, Authority, Chain, Grant, KeyRing, Kind, Mandate, Refusal, Scope, path_under,
};
use bailiwick::id::Timestamp;
use bailiwick_integration_tests::forge;
use biscuit_auth::format::schema;
use ed25519_dalek::SigningKey;

pub(crate) const CHECK: &str = "check if time($x), $x < 2030-01-01T00:00:00Z;";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Kind {
    result.unwrap_err().kind()
}

pub(crate) fn reader(dir: &str) -> Scope {
    Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under(dir)))
        .grant(Grant::spawn(["reader"]))
}

pub(crate) fn agent(key: &SigningKey) -> AgentKey {
    forge::agent(key)
}

/// A root; a chain root → A → B → C under ever narrower directories; and the keys of all.
pub(crate) struct Set {
    pub(crate) root: Authority,
    pub(crate) ring: KeyRing,
    pub(crate) keys: [SigningKey; 3],
    /// The chain after each block.
    pub(crate) chains: Vec<Chain>,
}

pub(crate) fn set() -> Set {
    let root = Authority::generate();
    let keys = [(); 3].map(|()| forge::secret(&AgentKey::generate()));
    let public = keys.each_ref().map(|key| agent(key).public());
    let mut chains = vec![
        root.mint(&reader("/a"), &Mandate::default(), public[0], now())
            .unwrap(),
    ];
    for (hop, dir) in ["/a/b", "/a/b/c"].into_iter().enumerate() {
        let held = chains[hop].clone().held_by(agent(&keys[hop])).unwrap();
        chains.push(
            held.delegate("reader", &reader(dir), public[hop + 1], now())
                .unwrap(),
        );
    }
    // Nothing is verified before: the ring is new for each set.
    Set {
        ring: KeyRing::new([root.root()]),
        root,
        keys,
        chains,
    }
}

impl Set {
    pub(crate) fn blocks(&self) -> Vec<schema::SignedBlock> {
        forge::blocks(&forge::parts(&self.chains[2].to_bytes()))
    }

    /// Refused alike by a new ring, and by one that has seen and cached the genuine chain.
    pub(crate) fn refuses(&self, blocks: &[schema::SignedBlock], expected: Kind, what: &str) {
        let bytes = forge::bytes(&forge::token(blocks));
        assert_eq!(
            kind(KeyRing::new([self.root.root()]).chain(&bytes)),
            expected,
            "{what}, cold"
        );
        self.ring.chain(&self.chains[2].to_bytes()).unwrap();
        assert_eq!(kind(self.ring.chain(&bytes)), expected, "{what}, warm");
    }
}

/// Every byte string is an error or exactly the token; and never a panic.
pub(crate) fn refused(ring: &KeyRing, bytes: &[u8]) {
    assert!(ring.chain(bytes).is_err());
    assert!(ring.wire_call(bytes).is_err());
}
