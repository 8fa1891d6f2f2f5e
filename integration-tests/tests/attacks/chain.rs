//! Attacks 7, 8, 9, 11 and 12: on the bytes of a chain and on its signatures.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use bailiwick::capability::{
    AgentKey, Authority, Call, Chain, Facts, Grant, KeyRing, Kind, Mandate, PublicKey, Refusal,
    RootKey, Scope, matches, path_under,
};
use bailiwick::id::Timestamp;
use bailiwick_integration_tests::forge::{self, Forge};
use biscuit_auth::format::schema;
use ed25519_dalek::SigningKey;
use prost::Message;
use serde_json::json;

const CHECK: &str = "check if time($x), $x < 2030-01-01T00:00:00Z;";

fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

fn kind<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Kind {
    result.unwrap_err().kind()
}

fn reader(dir: &str) -> Scope {
    Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under(dir)))
        .grant(Grant::spawn(["reader"]))
}

fn agent(key: &SigningKey) -> AgentKey {
    forge::agent(key)
}

/// A root; a chain root → A → B → C under ever narrower directories; and the keys of all.
struct Set {
    root: Authority,
    ring: KeyRing,
    keys: [SigningKey; 3],
    /// The chain after each block.
    chains: Vec<Chain>,
}

fn set() -> Set {
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
    fn blocks(&self) -> Vec<schema::SignedBlock> {
        forge::blocks(&forge::parts(&self.chains[2].to_bytes()))
    }

    /// Refused alike by a new ring, and by one that has seen and cached the genuine chain.
    fn refuses(&self, blocks: &[schema::SignedBlock], expected: Kind, what: &str) {
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

#[test]
fn attack_07_a_stripped_chain_needs_the_parents_key() {
    let set = set();
    // B's token without C's hop verifies, as it must, and C cannot use it.
    let stripped = set
        .ring
        .chain(&forge::bytes(&forge::token(&set.blocks()[..2])))
        .unwrap();
    assert_eq!(
        kind(stripped.clone().held_by(agent(&set.keys[2]))),
        Kind::NotHolder
    );
    let mut sealed = forge::token(&set.blocks()[..2]);
    forge::seal(&mut sealed, &set.keys[2]);
    assert_eq!(
        kind(set.ring.wire_call(&forge::bytes(&sealed))),
        Kind::NotHolder
    );
    // Nor extend it: a hop after B's token is signed by B.
    let forged = Forge::after(&stripped.to_bytes(), &agent(&set.keys[1])).in_hands_of(&set.keys[2]);
    let forged = forged.append(&format!("agent(\"reader\"); {CHECK}"));
    assert_eq!(kind(set.ring.chain(&forged.token())), Kind::BadSignature);
}

#[test]
fn attack_07_blocks_keep_their_order() {
    let set = set();
    let genuine = set.blocks();
    let pick = |order: &[usize]| {
        order
            .iter()
            .map(|index| genuine[*index].clone())
            .collect::<Vec<_>>()
    };
    set.refuses(&pick(&[0, 2, 1]), Kind::BadSignature, "swapped");
    set.refuses(&pick(&[0, 2]), Kind::BadSignature, "left out");
    set.refuses(&pick(&[0, 1, 1, 2]), Kind::BadSignature, "doubled");
    set.refuses(&pick(&[0, 1, 2, 2]), Kind::BadSignature, "doubled last");
    set.refuses(&pick(&[1, 2]), Kind::UntrustedRoot, "without authority");
    set.refuses(
        &pick(&[0, 0, 1, 2]),
        Kind::BadSignature,
        "two authority blocks",
    );
}

#[test]
fn attack_07_a_hop_of_the_same_key_does_not_fit_another_chain() {
    // One holder key, a narrow chain and a wide one: the hop of the narrow child on the wide chain.
    let root = Authority::generate();
    let key = forge::secret(&AgentKey::generate());
    let ring = KeyRing::new([root.root()]);
    let child = AgentKey::generate();
    let tokens = ["/a", "/"].map(|dir| {
        let chain = root
            .mint(
                &reader(dir),
                &Mandate::default(),
                agent(&key).public(),
                now(),
            )
            .unwrap();
        let held = chain.held_by(agent(&key)).unwrap();
        held.delegate("reader", &Scope::inherit(), child.public(), now())
            .unwrap()
            .to_bytes()
    });
    let [narrow, wide] = tokens.map(|token| forge::blocks(&forge::parts(&token)));
    let spliced = [wide[0].clone(), narrow[1].clone()];
    assert_eq!(
        kind(ring.chain(&forge::bytes(&forge::token(&spliced)))),
        Kind::BadSignature
    );

    // With payload version 0 the signature would hold; the version is not in profile.
    let hop = forge::sign_v0(narrow[1].block.clone(), &key, &forge::secret(&child));
    let old = forge::bytes(&forge::token(&[wide[0].clone(), hop.clone()]));
    assert_eq!(kind(ring.chain(&old)), Kind::Malformed);
    for version in [None, Some(0), Some(2), Some(u32::MAX)] {
        let mut other = narrow[1].clone();
        other.version = version;
        assert_eq!(
            kind(ring.chain(&forge::bytes(&forge::token(&[narrow[0].clone(), other])))),
            Kind::Malformed
        );
        let mut first = narrow[0].clone();
        first.version = version;
        assert_eq!(
            kind(ring.chain(&forge::bytes(&forge::token(&[first])))),
            Kind::Malformed
        );
    }
    // Version 0 called version 1: the signature does not hold.
    let lie = schema::SignedBlock {
        version: Some(1),
        ..hop
    };
    assert_eq!(
        kind(ring.chain(&forge::bytes(&forge::token(&[wide[0].clone(), lie])))),
        Kind::BadSignature
    );
}

#[test]
fn attack_08_a_stranger_neither_delegates_nor_replaces_nor_seals() {
    let set = set();
    let genuine = set.blocks();
    let stranger = forge::secret(&AgentKey::generate());

    let forged = forge::sign(&genuine, genuine[2].block.clone(), &stranger, &stranger);
    set.refuses(
        &[
            genuine[0].clone(),
            genuine[1].clone(),
            genuine[2].clone(),
            forged,
        ],
        Kind::BadSignature,
        "extended",
    );

    for index in 0..3 {
        let mut replaced = genuine.clone();
        replaced[index].next_key = forge::public(&stranger);
        let expected = if index == 0 {
            Kind::UntrustedRoot
        } else {
            Kind::BadSignature
        };
        set.refuses(&replaced, expected, "another delegatee");
    }
    // The delegator forged: B's hop signed by a stranger in A's place.
    let hop = forge::sign(
        &genuine[..1],
        genuine[1].block.clone(),
        &stranger,
        &set.keys[1],
    );
    set.refuses(
        &[genuine[0].clone(), hop, genuine[2].clone()],
        Kind::BadSignature,
        "another delegator",
    );

    let mut sealed = forge::token(&genuine);
    forge::seal(&mut sealed, &stranger);
    assert_eq!(
        kind(set.ring.wire_call(&forge::bytes(&sealed))),
        Kind::NotHolder
    );
    assert_eq!(
        kind(set.ring.chain(&forge::bytes(&sealed))),
        Kind::NotHolder
    );
}

#[test]
fn attack_08_a_sealed_or_secret_carrying_token_is_no_authority() {
    let set = set();
    // Sealed by its rightful holder, then stolen: a thief who has the bytes could present it.
    let mut sealed = forge::token(&set.blocks());
    forge::seal(&mut sealed, &set.keys[2]);
    assert_eq!(
        kind(set.ring.wire_call(&forge::bytes(&sealed))),
        Kind::NotHolder
    );
    assert_eq!(
        kind(set.ring.chain(&forge::bytes(&sealed))),
        Kind::NotHolder
    );
    for secret in [set.keys[2].to_bytes().to_vec(), vec![0; 32], Vec::new()] {
        let mut bearer = forge::token(&set.blocks());
        bearer.proof.content = Some(schema::proof::Content::NextSecret(secret));
        assert_eq!(
            kind(set.ring.chain(&forge::bytes(&bearer))),
            Kind::NotHolder
        );
        assert_eq!(
            kind(set.ring.wire_call(&forge::bytes(&bearer))),
            Kind::NotHolder
        );
    }
    for seal in [vec![], vec![0; 63], vec![0; 65]] {
        let mut short = forge::token(&set.blocks());
        short.proof.content = Some(schema::proof::Content::FinalSignature(seal));
        assert_eq!(
            kind(set.ring.wire_call(&forge::bytes(&short))),
            Kind::Malformed
        );
    }
    // A verified chain without its key, or with an ancestor's.
    for key in [&set.keys[0], &set.keys[1], &forge::key(9)] {
        assert_eq!(
            kind(set.chains[2].clone().held_by(agent(key))),
            Kind::NotHolder
        );
    }
}

#[test]
fn attack_08_the_seal_of_a_call_is_the_call_keys() {
    let set = set();
    let held = set.chains[2].clone().held_by(agent(&set.keys[2])).unwrap();
    let facts = Facts {
        audience: Some("here".to_owned()),
        ..Facts::at(now())
    };
    let call = Call::new(
        "fs.read",
        json!({ "path": "/a/b/c/x" }).as_object().unwrap().clone(),
    )
    .unwrap();
    let bytes = held
        .wire_call(&call, &facts, std::time::Duration::from_secs(30))
        .unwrap();
    set.ring.wire_call(&bytes).unwrap();
    let genuine = forge::parts(&bytes);
    for key in [&set.keys[2], &forge::key(9)] {
        let mut sealed = genuine.clone();
        forge::seal(&mut sealed, key);
        assert_eq!(
            kind(set.ring.wire_call(&forge::bytes(&sealed))),
            Kind::BadSignature
        );
    }
    let mut open = genuine.clone();
    open.proof.content = None;
    assert_eq!(
        kind(set.ring.wire_call(&forge::bytes(&open))),
        Kind::NotHolder
    );
    assert_eq!(kind(set.ring.chain(&forge::bytes(&open))), Kind::NotHolder);
    // Without its call block and seal it is the holder's chain again, of no use without the key.
    let mut chain = genuine;
    chain.blocks.pop();
    chain.proof.content = None;
    let chain = set.ring.chain(&forge::bytes(&chain)).unwrap();
    assert_eq!(kind(chain.held_by(AgentKey::generate())), Kind::NotHolder);
    // Nothing follows a call, not even by the one who made it.
    let after = Forge::after(&set.chains[2].to_bytes(), &agent(&set.keys[2]));
    let text = forge::block(&forge::parts(&bytes).blocks[2]);
    let twice = after
        .clone()
        .edited(&text, |_| {})
        .edited(&text, |block| block.symbols.clear());
    assert_eq!(kind(set.ring.wire_call(&twice.sealed())), Kind::Malformed);
    let hop = after
        .edited(&text, |_| {})
        .append(&format!("agent(\"reader\"); {CHECK}"));
    assert_eq!(kind(set.ring.wire_call(&hop.sealed())), Kind::Malformed);
}

#[test]
fn attack_09_a_root_comes_from_configuration_alone() {
    let genuine = Authority::generate().with_key_id(1);
    let ring = KeyRing::new([genuine.root()]);
    let mallory = forge::key(7);
    let theirs = forge::authority(&mallory);
    let forged = theirs
        .mint(
            &reader("/"),
            &Mandate::default(),
            agent(&forge::key(8)).public(),
            now(),
        )
        .unwrap();
    let forged = Forge::after(&forged.to_bytes(), &agent(&forge::key(8)));
    // In profile to the byte, so that it is the root alone that is refused.
    KeyRing::new([agent(&mallory).public()])
        .chain(&forged.token())
        .unwrap();
    assert_eq!(kind(ring.chain(&forged.token())), Kind::UntrustedRoot);
    for hint in [0, 1, u32::MAX] {
        let mut raw = forge::token(&forged.blocks);
        raw.root_key_id = Some(hint);
        assert_eq!(kind(ring.chain(&forge::bytes(&raw))), Kind::UntrustedRoot);
    }
    // The hint of one root on the token of another.
    let other = Authority::generate().with_key_id(2);
    let ring = KeyRing::new([genuine.root(), other.root()]);
    let chain = genuine
        .mint(
            &reader("/"),
            &Mandate::default(),
            AgentKey::generate().public(),
            now(),
        )
        .unwrap();
    let mut raw = forge::parts(&chain.to_bytes());
    ring.chain(&forge::bytes(&raw)).unwrap();
    for hint in [2, 3] {
        raw.root_key_id = Some(hint);
        assert_eq!(kind(ring.chain(&forge::bytes(&raw))), Kind::UntrustedRoot);
    }
    raw.root_key_id = None;
    ring.chain(&forge::bytes(&raw)).unwrap();
    // An empty ring trusts no root.
    assert_eq!(
        kind(KeyRing::new(Vec::<RootKey>::new()).chain(&chain.to_bytes())),
        Kind::UntrustedRoot
    );
}

#[test]
fn attack_09_small_order_keys_and_other_algorithms_are_no_keys() {
    let set = set();
    let small: Vec<[u8; 32]> = [0u8, 1]
        .into_iter()
        .map(|first| {
            let mut bytes = [0; 32];
            bytes[0] = first;
            bytes
        })
        .chain([hex32(
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        )])
        .chain([hex32(
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        )])
        .chain([hex32(
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        )])
        .collect();
    let genuine = set.blocks();
    for bytes in small {
        assert!(PublicKey::from_bytes(bytes).is_err());
        // A holder key for which everybody can sign.
        let key = schema::PublicKey {
            algorithm: 0,
            key: bytes.to_vec(),
        };
        let hop = forge::sign_for(&genuine[..2], genuine[2].block.clone(), &set.keys[1], key);
        set.refuses(
            &[genuine[0].clone(), genuine[1].clone(), hop],
            Kind::Malformed,
            "small order",
        );
    }
    let mut compressed = vec![2];
    compressed.extend([7; 32]);
    for (algorithm, key) in [
        (1, compressed),
        (1, vec![7; 32]),
        (2, vec![7; 32]),
        (-1, vec![7; 32]),
        (0, vec![]),
        (0, vec![7; 31]),
        (0, vec![7; 33]),
    ] {
        let key = schema::PublicKey { algorithm, key };
        let hop = forge::sign_for(&genuine[..2], genuine[2].block.clone(), &set.keys[1], key);
        set.refuses(
            &[genuine[0].clone(), genuine[1].clone(), hop],
            Kind::Malformed,
            "algorithm",
        );
    }
}

fn hex32(text: &str) -> [u8; 32] {
    std::array::from_fn(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap())
}

#[test]
fn attack_09_a_root_rotated_out_ends_its_tokens() {
    let set = set();
    let bytes = set.chains[2].to_bytes();
    let chain = set.ring.chain(&bytes).unwrap();
    set.ring.admit(&chain).unwrap();
    set.ring.trust(Authority::generate().root()).unwrap();
    set.ring.admit(&chain).unwrap();
    assert!(set.ring.remove(&set.root.public()));
    assert_eq!(kind(set.ring.admit(&chain)), Kind::UntrustedRoot);
    assert_eq!(kind(set.ring.chain(&bytes)), Kind::UntrustedRoot);
}

#[test]
fn attack_09_a_holder_is_neither_root_nor_approver() {
    let set = set();
    let genuine = set.blocks();
    let root = forge::secret(&AgentKey::from_pem(&set.root.danger_to_pem().unwrap()).unwrap());
    let hop = forge::sign(&genuine[..2], genuine[2].block.clone(), &set.keys[1], &root);
    set.refuses(
        &[genuine[0].clone(), genuine[1].clone(), hop],
        Kind::Malformed,
        "the root as a holder",
    );
}

/// Every byte string is an error or exactly the token; and never a panic.
fn refused(ring: &KeyRing, bytes: &[u8]) {
    assert!(ring.chain(bytes).is_err());
    assert!(ring.wire_call(bytes).is_err());
}

#[test]
fn attack_11_truncated_flipped_and_padded_bytes_are_refused() {
    let set = set();
    let bytes = set.chains[2].to_bytes();
    for ring in [KeyRing::new([set.root.root()]), set.ring.clone()] {
        for end in 0..bytes.len() {
            // A block that ends the token can be cut off whole, which is attack 7.
            if ring.chain(&bytes[..end]).is_ok() {
                assert!(
                    set.chains
                        .iter()
                        .any(|chain| chain.to_bytes() == bytes[..end])
                );
            }
        }
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[index] ^= 1 << bit;
                refused(&ring, &flipped);
            }
        }
        for tail in [&[0][..], &[0x0a], &[0x20, 0], &[0x22, 0], &[0xff; 9], b"}"] {
            refused(&ring, &[&bytes, tail].concat());
            refused(&ring, &[tail, &bytes].concat());
        }
        ring.chain(&bytes).unwrap();
    }
}

#[test]
fn attack_11_another_spelling_of_the_same_token_is_malformed() {
    let set = set();
    let bytes = set.chains[2].to_bytes();
    let raw = forge::parts(&bytes);
    // The key id twice, a field of the future, the fields in another order.
    let field = |tag: u8, body: &[u8]| {
        let mut field = vec![tag << 3 | 2];
        prost::encoding::encode_varint(body.len() as u64, &mut field);
        field.extend(body);
        field
    };
    let authority = field(2, &raw.authority.encode_to_vec());
    let hops: Vec<u8> = raw
        .blocks
        .iter()
        .flat_map(|block| field(3, &block.encode_to_vec()))
        .collect();
    let proof = field(4, &raw.proof.encode_to_vec());
    assert_eq!([&authority[..], &hops, &proof].concat(), bytes);
    let spellings = [
        ("proof first", [&proof[..], &authority, &hops].concat()),
        ("hops first", [&hops[..], &authority, &proof].concat()),
        (
            "authority twice",
            [&authority[..], &authority, &hops, &proof].concat(),
        ),
        ("no proof", [&authority[..], &hops].concat()),
        ("unknown field", [&bytes[..], &[0x28, 1]].concat()),
        ("key id late", [&bytes[..], &[0x08, 1]].concat()),
        ("long varint", {
            let mut long = authority.clone();
            // The length, written in one byte more than it needs.
            let end = 1 + long[1..].iter().position(|byte| byte & 0x80 == 0).unwrap();
            long[end] |= 0x80;
            long.insert(end + 1, 0);
            [&long[..], &hops, &proof].concat()
        }),
    ];
    for (what, spelling) in spellings {
        assert_eq!(kind(set.ring.chain(&spelling)), Kind::Malformed, "{what}");
    }
    // Inside a block, where the signature covers it: the holder signs what is not canonical.
    let start = Forge::after(&set.chains[2].to_bytes(), &agent(&set.keys[2]));
    let fine = start.clone().append(&format!("agent(\"reader\"); {CHECK}"));
    let block = fine.blocks.last().unwrap().block.clone();
    set.ring.chain(&fine.token()).unwrap();
    for tail in [
        &[0x48, 1][..],
        &[0x18, 3],
        &[0x12, 0],
        &[0x2a, 0],
        &[0x32, 0],
        &[0x3a, 0],
        &[0x42, 0],
        &[0x0a, 1, b'x'],
        &[0xff],
    ] {
        let forged = start.clone().raw([&block, tail].concat());
        assert_eq!(
            kind(set.ring.chain(&forged.token())),
            Kind::Malformed,
            "{tail:?}"
        );
    }
}

#[test]
fn attack_11_nothing_large_is_read() {
    let set = set();
    for size in [16 * 1024 + 1, 10 * 1024 * 1024] {
        for byte in [0, 0x1a, 0x22, 0x0a, 0xff] {
            let bytes = vec![byte; size];
            assert_eq!(kind(set.ring.chain(&bytes)), Kind::Malformed);
            assert_eq!(kind(set.ring.wire_call(&bytes)), Kind::Malformed);
        }
    }
    for size in 0..70 {
        for byte in [0, 0x08, 0x0a, 0x12, 0x1a, 0x22, 0x80, 0xff] {
            refused(&set.ring, &vec![byte; size]);
        }
    }
}

#[test]
fn attack_11_deep_nesting_is_an_error() {
    let set = set();
    let start = Forge::after(&set.chains[2].to_bytes(), &agent(&set.keys[2]));
    for depth in [10, 40, 90, 200, 2000] {
        // A term whose set holds a term whose set …: field 7 of a term, field 1 of a set.
        let mut term = vec![0x18, 0];
        for _ in 0..depth {
            term = wrap(0x0a, &term);
            term = wrap(0x3a, &term);
        }
        let predicate = [&[0x08, 5][..], &wrap(0x12, &term)].concat();
        let block = [&[0x18, 3][..], &wrap(0x22, &wrap(0x0a, &predicate))].concat();
        assert_eq!(
            kind(set.ring.chain(&start.clone().raw(block).token())),
            Kind::Malformed,
            "{depth}"
        );
        // Arrays and closures in the same way.
        for (outer, inner) in [(0x4a, 0x0a), (0x52, 0x0a)] {
            let mut term = vec![0x18, 0];
            for _ in 0..depth {
                term = wrap(outer, &wrap(inner, &term));
            }
            let block = wrap(
                0x22,
                &wrap(0x0a, &[&[0x08, 5][..], &wrap(0x12, &term)].concat()),
            );
            assert_eq!(
                kind(set.ring.chain(&start.clone().raw(block).token())),
                Kind::Malformed,
                "{depth}"
            );
        }
    }
}

fn wrap(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut field = vec![tag];
    prost::encoding::encode_varint(body.len() as u64, &mut field);
    field.extend(body);
    field
}

#[test]
fn attack_12_bombs_are_refused_before_any_engine() {
    let set = set();
    let start = Forge::after(&set.chains[2].to_bytes(), &agent(&set.keys[2]));
    let many = |count: usize, text: &dyn Fn(usize) -> String| {
        (0..count).map(text).collect::<Vec<_>>().join("")
    };
    let vars = |count: usize| {
        (0..count)
            .map(|index| format!("tool($x{index})"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let grant = "tool(\"t\"), arg_names($n), {\"x\"}.contains($n), $n.union($n) === $n";
    let bombs = [
        (
            "join by rule",
            format!(
                "{}tool($x0) <- {}",
                many(20, &|n| format!("tool(\"{n}\");")),
                vars(12)
            ),
        ),
        ("join by check", format!("check if {}", vars(12))),
        (
            "join of its own facts",
            format!(
                "{}check if {}",
                many(40, &|n| format!("f({n});")),
                "f($a), f($b), f($c), f($d), f($e)"
            ),
        ),
        (
            "closure over a regex",
            "check if arg_set(\"a\", $s), $s.all($x -> $x.matches(\"(a*)*b\"))".to_owned(),
        ),
        ("thousands of facts", many(1100, &|n| format!("f({n});"))),
        ("hundreds of checks", many(300, &|_| CHECK.to_owned())),
        (
            "hundreds of grants",
            format!(
                "check if {}",
                (0..150).map(|_| grant).collect::<Vec<_>>().join(" or ")
            ),
        ),
        ("a quorum of forty keys", many(40, &|n| quorum(&[n]))),
        ("a quorum of six", many(6, &|n| quorum(&[n]))),
        (
            "one check of forty keys",
            quorum(&(0..40).collect::<Vec<_>>()),
        ),
    ];
    for (what, text) in bombs {
        let forged = start
            .clone()
            .merged(&format!("agent(\"reader\"); {CHECK}"), &text, false)
            .token();
        assert!(
            forged.len() <= 16 * 1024,
            "{what} is too large to be read: {}",
            forged.len()
        );
        assert_eq!(
            kind(set.ring.chain(&forged)),
            Kind::Malformed,
            "{what}, {} bytes",
            forged.len()
        );
    }
}

#[test]
fn attack_12_grants_are_counted() {
    let root = Authority::generate();
    let ring = KeyRing::new([root.root()]);
    let key = AgentKey::generate();
    let chain = root
        .mint(&reader("/"), &Mandate::default(), key.public(), now())
        .unwrap();
    let held = chain.clone().held_by(agent(&forge::secret(&key))).unwrap();
    let child = held
        .delegate(
            "reader",
            &reader("/a"),
            AgentKey::generate().public(),
            now(),
        )
        .unwrap();
    let block = forge::block(&forge::parts(&child.to_bytes()).blocks[0]);
    for (count, fine) in [(2, true), (64, true), (65, false), (100, false)] {
        let forged = Forge::after(&chain.to_bytes(), &key).edited(&block, |block| {
            let grant = block.checks[0].queries[0].clone();
            block.checks[0].queries = vec![grant; count];
        });
        let read = ring.chain(&forged.token());
        assert!(read.is_ok() || kind(read.clone()) == Kind::Malformed);
        let more = read
            .err()
            .is_some_and(|refusal| refusal.detail().contains("more than 64 grants"));
        assert_eq!(more, !fine, "{count}");
    }
}

/// A check of a quorum over keys made from these numbers.
fn quorum(keys: &[usize]) -> String {
    let trusting = keys.iter().map(|key| {
        let key = agent(&forge::key(u8::try_from(key + 10).unwrap())).public();
        format!(" or call($h), approval($h, $e, $i), time($t), $t < $e trusting {key}")
    });
    format!(
        "check if tool($x), !{{\"pay\"}}.contains($x){};",
        trusting.collect::<String>()
    )
}

#[test]
fn attack_12_blocks_and_patterns_are_counted() {
    let root = forge::key(200);
    let ring = KeyRing::new([agent(&root).public()]);
    let first = AgentKey::generate();
    let chain = forge::authority(&root)
        .mint(&reader("/"), &Mandate::default(), first.public(), now())
        .unwrap();
    let mut forge = Forge::after(&chain.to_bytes(), &first);
    ring.chain(&forge.token()).unwrap();
    // A hop of few bytes, again and again: it names the same strings, so it is the same bytes.
    let hop = format!("agent(\"a\"); {CHECK}");
    for blocks in 2..=34 {
        forge = if blocks == 2 || blocks == 3 {
            forge.append(&hop)
        } else {
            let block = forge.blocks.last().unwrap().block.clone();
            forge.raw(block)
        };
        let read = ring.chain(&forge.token());
        assert_eq!(read.is_ok(), blocks <= 32, "{blocks}: {read:?}");
        if blocks > 32 {
            assert_eq!(kind(read), Kind::Malformed);
        }
    }
    let empty = vec![forge.blocks[0].clone(); 150];
    assert_eq!(
        kind(ring.chain(&forge::bytes(&forge::token(&empty)))),
        Kind::Malformed
    );
    let none = vec![schema::SignedBlock::default(); 900];
    assert_eq!(
        kind(ring.chain(&forge::bytes(&forge::token(&none)))),
        Kind::Malformed
    );

    // Sixteen patterns in one token, however they are spread over its blocks.
    let root = Authority::generate();
    let ring = KeyRing::new([root.root()]);
    let patterns = |from: u32, count: u32| {
        matches(
            (from..from + count)
                .map(|n| format!("a{n}"))
                .collect::<Vec<_>>(),
        )
    };
    let scope = |count: u32| {
        Scope::new()
            .grant(Grant::new("x").arg("a", patterns(0, count)))
            .grant(Grant::spawn(["a"]))
    };
    let key = AgentKey::generate();
    let mint = |count: u32| root.mint(&scope(count), &Mandate::default(), key.public(), now());
    mint(16).unwrap();
    assert!(mint(17).is_err());
    let token = mint(9).unwrap().to_bytes();
    let child = |patterns: &[&str]| {
        let tests: String = patterns
            .iter()
            .map(|text| format!(", $v0.matches(\"\\\\A(?:{text})\\\\z\")"))
            .collect();
        let text = format!(
            "agent(\"a\"); check if tool(\"x\"), arg_names($n), {{\"a\"}}.contains($n), $n.union($n) === $n,
             arg_str(\"a\", $v0){tests}; {CHECK} check if depth($x), $x <= 1"
        );
        let block = forge::block(
            Forge::after(&token, &key)
                .append(&text)
                .blocks
                .last()
                .unwrap(),
        );
        let forged = Forge::after(&token, &key).edited(&block, |block| {
            // Text has no strict `or`, so the comparisons are joined here.
            let expressions = &mut block.checks[0].queries[0].expressions;
            for expression in expressions.split_off(3) {
                let or = schema::OpBinary {
                    kind: schema::op_binary::Kind::Or as i32,
                    ffi_name: None,
                };
                let or = schema::Op {
                    content: Some(schema::op::Content::Binary(or)),
                };
                expressions[2]
                    .ops
                    .extend(expression.ops.into_iter().chain([or]));
            }
        });
        ring.chain(&forged.token())
    };
    let seven = ["b0", "b1", "b2", "b3", "b4", "b5", "b6"];
    child(&seven).unwrap();
    assert_eq!(
        kind(child(&[&seven[..], &["b7"]].concat())),
        Kind::Malformed
    );
    for bad in [
        "a)|(?:.*",
        "(",
        "(a{1000}){1000}",
        "\\\\p{L}{500}",
        &"a".repeat(257),
    ] {
        assert_eq!(kind(child(&[bad])), Kind::Malformed, "{bad}");
    }
}
