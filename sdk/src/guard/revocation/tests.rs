//! Which revocations are found, and which are forgotten.

use super::*;
use crate::capability::AgentKey;

#[test]
fn each_thing_revoked_is_counted_and_found_by_itself() {
    let role = |role: &str| Revocable::Role {
        parent: "lead".to_owned(),
        role: role.to_owned(),
    };
    let all = [
        Revocable::Block([1; 64]),
        Revocable::Key(AgentKey::generate().public()),
        Revocable::Principal("p".to_owned()),
        Revocable::Task("t".to_owned()),
        Revocable::Agent("lead".to_owned()),
        role("reader"),
        role("writer"),
    ];
    let revocations = Revocations::new();
    assert!(revocations.is_empty());
    for (before, what) in all.iter().enumerate() {
        assert!(!revocations.contains(what), "{what:?}");
        revocations.revoke([what.clone()]);
        assert!(revocations.contains(what), "{what:?}");
        assert!(!revocations.is_empty());
        assert_eq!(revocations.len(), before + 1);
    }
    revocations.revoke(all.clone());
    assert_eq!(revocations.len(), all.len());
    assert!(!revocations.contains(&role("lead")));
    assert!(!revocations.contains(&Revocable::Task("lead".to_owned())));
}

#[test]
fn every_block_of_a_chain_is_revoked_by_its_id_and_the_root_by_its_key() {
    use crate::capability::{Authority, Call, Facts, Grant, Mandate, Scope, any};
    let now = Timestamp::from_secs(1_800_000_000).unwrap();
    let (authority, key) = (Authority::generate(), AgentKey::generate());
    let scope = Scope::new().grant(Grant::new("a").arg("x", any()));
    let chain = authority.mint(&scope, &Mandate::default(), key.public(), now);
    let held = chain.unwrap().held_by(key).unwrap();
    let (call, facts) = (Call::parse("a", "{}").unwrap(), Facts::at(now));
    let approval = held
        .approval_request(&call, &facts)
        .approve(&AgentKey::generate(), now);
    let held = held.with_approval(&approval).unwrap();
    let chain = held.chain();
    assert_eq!(chain.blocks().count(), 2);
    for (number, id) in (0..).zip(chain.blocks()) {
        let revocations = Revocations::new();
        assert_eq!(revocations.of_chain(chain), None);
        revocations.revoke([Revocable::Block(*id)]);
        assert_eq!(revocations.of_chain(chain), Some(number));
    }
    let revocations = Revocations::new();
    revocations.revoke([Revocable::Key(authority.public())]);
    assert_eq!(revocations.of_chain(chain), Some(0));
}

#[test]
fn what_ends_is_forgotten_and_what_does_not_is_kept() {
    let at = |secs| Timestamp::from_secs(secs).unwrap();
    let revocations = Revocations::new();
    let block = |number| Revocable::Block([number; 64]);
    let agent = Revocable::Agent("lead/reader".to_owned());
    let role = Revocable::Role {
        parent: "lead".to_owned(),
        role: "reader".to_owned(),
    };
    revocations.revoke_until([block(1), block(2), agent.clone()], at(100));
    revocations.revoke([block(1)]);
    revocations.revoke_until([block(2)], at(200));
    revocations.revoke_path(role.clone(), at(50), at(150));
    for (now, kept) in [
        (99, 4),
        (100, 3),
        (149, 3),
        (150, 2),
        (199, 2),
        (200, 1),
        (9_999, 1),
    ] {
        revocations.lapse(at(now));
        assert_eq!(revocations.len(), kept, "{now}");
    }
    assert!(revocations.contains(&block(1)));
    assert!(!revocations.inner.runs.load(Ordering::Acquire));
    assert!(revocations.set().by_end.is_empty());
}
