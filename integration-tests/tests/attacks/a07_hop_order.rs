//! Attack 7: hops stripped, reordered, spliced.

use bailiwick::capability::{AgentKey, Authority, KeyRing, Kind, Mandate, Scope};
use bailiwick_integration_tests::forge::{self, Forge};
use biscuit_auth::format::schema;

use crate::common::chain::{CHECK, agent, kind, now, reader, set};

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
