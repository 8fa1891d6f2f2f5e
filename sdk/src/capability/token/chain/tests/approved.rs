//! Approvals of one call: their approvers and their lifetime.

use super::*;

/// A token that allows payment of any sum if one of `any` approves, and also requires `need` of `of`.
fn payer(any: &[PublicKey], need: u8, of: &[PublicKey]) -> (KeyRing, Held) {
    let root = Authority::generate();
    let holder = key();
    let mut grant = Grant::new("pay").arg("to", one_of(["a", "b"]));
    if !any.is_empty() {
        grant = grant.approved_by(any.iter().copied());
    }
    let mut scope = Scope::new().grant(grant);
    if need > 0 {
        scope = scope.quorum(Quorum::new(["pay"], need, of.iter().copied()));
    }
    let chain = root
        .mint(&scope, &Mandate::default(), holder.public(), at(0))
        .unwrap();
    (KeyRing::new([root.root()]), chain.held_by(holder).unwrap())
}

fn approve(held: &Held, call: &Call, by: &AgentKey) -> Result<Held, MintError> {
    held.with_approval(&held.approval_request(call, &facts(0)).approve(by, at(100)))
}

#[test]
fn one_approver_of_a_grant_is_enough_until_the_approval_expires() {
    let (a, b) = (key(), key());
    let (ring, held) = payer(&[a.public(), b.public()], 0, &[]);
    let (pay, other) = (
        call("pay", json!({ "to": "a" })),
        call("pay", json!({ "to": "b" })),
    );
    let refused = Err((Kind::Approval, Some(0)));
    assert_eq!(ask(held.chain(), &pay, &facts(0)), refused);
    assert_eq!(
        held.chain().explain(
            &pay,
            &facts(0),
            Skip {
                approvals: true,
                budgets: false
            }
        ),
        Ok(())
    );
    let approved = approve(&held, &pay, &b).unwrap();
    let chain = ring.chain(&approved.chain().to_bytes()).unwrap();
    assert_eq!(ask(&chain, &pay, &facts(99)), Ok(()));
    assert_eq!(ask(&chain, &pay, &facts(100)), refused);
    assert_eq!(ask(&chain, &other, &facts(0)), refused);
    // The same arguments again are another call.
    assert_eq!(
        ask(&chain, &call("pay", json!({ "to": "a" })), &facts(0)),
        refused
    );
    let digest = pay.digest(&held.chain().holder(), None, Some("here"));
    let (one, other_key) = ([b.public()].into(), [a.public()].into());
    assert!(chain.approved(&digest, at(99), &one));
    assert!(
        !chain.approved(&digest, at(100), &one),
        "its end is exclusive"
    );
    assert!(!chain.approved(&digest, at(99), &other_key));
    assert!(!chain.approved(&[0; 32], at(99), &one));
    let stranger = approve(&held, &pay, &key()).unwrap();
    assert_eq!(ask(stranger.chain(), &pay, &facts(0)), refused);
    let wire = ring
        .wire_call(
            &approved
                .wire_call(&pay, &facts(0), Duration::from_secs(9))
                .unwrap(),
        )
        .unwrap();
    assert_eq!(ask(wire.chain(), &pay, &facts(0)), Ok(()));
    assert_eq!(held.chain().holder(), approved.chain().holder());
}

#[test]
fn a_quorum_counts_each_approver_once() {
    let keys = [key(), key(), key()];
    let public = keys.clone().map(|key| key.public());
    let (ring, held) = payer(&[], 2, &public);
    let pay = call("pay", json!({ "to": "a" }));
    let one = approve(&held, &pay, &keys[0]).unwrap();
    let same = approve(&one, &pay, &keys[0]).unwrap();
    let two = approve(&one, &pay, &keys[2]).unwrap();
    for (held, verdict) in [(&held, false), (&one, false), (&same, false), (&two, true)] {
        let chain = ring.chain(&held.chain().to_bytes()).unwrap();
        let expected = if verdict {
            Ok(())
        } else {
            Err((Kind::Approval, Some(0)))
        };
        assert_eq!(ask(&chain, &pay, &facts(0)), expected);
    }
    // An approval that was made for the token before does not fit the token with one more approval.
    let stale = held
        .approval_request(&pay, &facts(0))
        .approve(&keys[1], at(100));
    assert!(matches!(
        one.with_approval(&stale),
        Err(MintError::OtherApproval)
    ));
    assert!(
        one.delegate("x", &Scope::new(), key().public(), at(0))
            .is_err()
    );
}

#[test]
fn an_approver_is_neither_holder_nor_root() {
    let root = Authority::generate();
    let (holder, approver) = (key(), key());
    let scope = |by: PublicKey| {
        Scope::new()
            .grant(Grant::new("pay").approved_by([by]))
            .grant(Grant::spawn(["reader"]))
    };
    let mint = |by: PublicKey| root.mint(&scope(by), &Mandate::default(), holder.public(), at(0));
    assert_eq!(
        mint(holder.public()).unwrap_err(),
        MintError::Position(PositionError::HolderApproves)
    );
    assert_eq!(
        mint(root.public()).unwrap_err(),
        MintError::Position(PositionError::ApproverHolds)
    );
    let held = mint(approver.public())
        .unwrap()
        .held_by(holder.clone())
        .unwrap();
    let to_approver = held.delegate("reader", &Scope::inherit(), approver.public(), at(0));
    assert_eq!(
        to_approver.unwrap_err(),
        MintError::Position(PositionError::HolderApproves)
    );
    let pay = call("pay", json!({}));
    assert_eq!(
        approve(&held, &pay, &holder).unwrap_err(),
        MintError::Position(PositionError::ApproverHolds)
    );
}

#[test]
fn a_token_that_is_made_can_be_read_however_near_the_limit() {
    let root = Authority::generate();
    let ring = KeyRing::new([root.root()]);
    let pay = call("pay", json!({ "to": "a" }));
    for more in [0, 31, 62, 93, 124] {
        let holder = key();
        let long = "x".repeat(14_000 + more);
        let scope = Scope::new().grant(Grant::new("pay").arg("to", one_of(["a".to_owned(), long])));
        let chain = root
            .mint(&scope, &Mandate::default(), holder.public(), at(0))
            .unwrap();
        let mut held = chain.held_by(holder).unwrap();
        let refused = loop {
            ring.chain(&held.chain().to_bytes()).unwrap();
            if let Ok(wire) = held.wire_call(&pay, &facts(0), Duration::from_secs(9)) {
                ring.wire_call(&wire).unwrap();
            }
            held = match approve(&held, &pay, &key()) {
                Ok(more) => more,
                Err(error) => break error,
            };
        };
        assert!(refused.to_string().contains("16384"), "{refused}");
    }
}
