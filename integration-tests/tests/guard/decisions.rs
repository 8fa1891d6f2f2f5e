//! What the guard decides, at its own interface: replay, revocation, policy, approvals, time and
//! budgets.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bailiwick::capability::{
    AgentKey, ApprovalRequest, Budget, Call, Chain, Facts, Grant, Held, Kind, MAX_CALL_LIFE,
    Mandate, Quorum, Scope, WireCall, any, eq,
};
use bailiwick::clock::Clock as _;
use bailiwick::guard::{
    Context, Decision, Guard, Pending, Policy, Presented, Revocable, SKEW, Verdict,
};
use bailiwick::id::Timestamp;
use bailiwick::store::{Batch, Expected, Key};
use bailiwick_integration_tests::support::calls::{
    BANK, asked, bank, context, once, read, verdict, wire,
};
use bailiwick_integration_tests::support::{Home, secs, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn attack_13_of_one_call_made_50_times_at_once_exactly_one_passes() {
    let home = Home::new();
    let guard = Arc::new(home.guard().build());
    let (held, call) = (Arc::new(home.held(&read())), asked("/a"));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (guard, held, call) = (guard.clone(), held.clone(), call.clone());
        tasks.spawn(async move { verdict(&guard, &*held, call).await });
    }
    let mut verdicts = tasks.join_all().await;
    verdicts.sort();
    assert_eq!(
        verdicts.iter().filter(|verdict| verdict.is_none()).count(),
        1
    );
    assert!(
        verdicts
            .iter()
            .skip(1)
            .all(|verdict| *verdict == Some(Kind::Replay)),
        "{verdicts:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn attack_13_of_one_wire_call_sent_50_times_at_once_exactly_one_passes() {
    let home = Home::new();
    let guard = Arc::new(bank(&home));
    let call = asked("/a");
    let bytes = Arc::new(wire(&home, &home.held(&read()), &call, BANK));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (guard, bytes, call) = (guard.clone(), bytes.clone(), call.clone());
        tasks.spawn(async move {
            // Each from the bytes, as so many requests would come.
            let wire = guard.ring().wire_call(&bytes).unwrap();
            verdict(&guard, &wire, call).await
        });
    }
    let verdicts = tasks.join_all().await;
    assert_eq!(
        verdicts.iter().filter(|verdict| verdict.is_none()).count(),
        1
    );
    assert_eq!(
        verdicts
            .iter()
            .filter(|verdict| **verdict == Some(Kind::Replay))
            .count(),
        49
    );
}

#[tokio::test]
async fn attack_13_replay_outside_its_window_has_expired() {
    let home = Home::new();
    let guard = bank(&home);
    let call = asked("/a");
    let bytes = wire(&home, &home.held(&read()), &call, BANK);
    let again = || guard.ring().wire_call(&bytes).unwrap();
    assert_eq!(verdict(&guard, &again(), call.clone()).await, None);
    for (later, kind) in [
        (0, Kind::Replay),
        (59, Kind::Replay),
        (1, Kind::Expired),
        (100, Kind::Expired),
    ] {
        home.clock.advance(secs(later));
        assert_eq!(
            verdict(&guard, &again(), call.clone()).await,
            Some(kind),
            "{later}"
        );
    }
}

/// A call that a sender sent whose clock is so much ahead, for as long as may be.
fn ahead(home: &Home, guard: &Guard, held: &Held, by: Duration) -> (WireCall, Call) {
    let call = asked("/a");
    let mut facts = Facts::at(home.clock.now().unwrap().saturating_add(by));
    facts.audience = guard.audience().map(str::to_owned);
    let bytes = held.wire_call(&call, &facts, MAX_CALL_LIFE).unwrap();
    (guard.ring().wire_call(&bytes).unwrap(), call)
}

#[tokio::test]
async fn attack_20_a_call_ends_a_minute_and_the_skew_from_now_at_the_latest() {
    let home = Home::new();
    let guard = bank(&home);
    assert_eq!(guard.audience(), Some(BANK));
    assert_eq!(home.guard().build().audience(), None);
    let held = home.held(&read());
    for (by, kind) in [
        (SKEW, None),
        (SKEW + secs(1), Some(Kind::Expired)),
        (SKEW + secs(3600), Some(Kind::Expired)),
    ] {
        let (wire, call) = ahead(&home, &guard, &held, by);
        assert_eq!(verdict(&guard, &wire, call).await, kind, "{by:?}");
    }
}

#[tokio::test]
async fn attack_13_what_a_guard_may_have_forgotten_at_its_start_is_told_to_the_second() {
    let home = Home::new();
    let guard = home.guard().audience(BANK).build();
    let held = home.held(&read());
    // What ends a minute and the skew from the start could have been made before it, elsewhere
    // ahead by the skew.
    let (last, call) = ahead(&home, &guard, &held, SKEW);
    assert_eq!(verdict(&guard, &last, call).await, Some(Kind::Replay));
    home.clock.advance(secs(1));
    let (next, call) = ahead(&home, &guard, &held, SKEW);
    assert_eq!(verdict(&guard, &next, call).await, None);
}

#[tokio::test]
async fn attack_13_a_call_at_home_is_remembered_as_long_as_one_over_the_wire() {
    let home = Home::new();
    let guard = home.guard().build();
    let held = home.held(&read());
    let call = asked("/a");
    assert_eq!(verdict(&guard, &held, call.clone()).await, None);
    home.clock.advance(MAX_CALL_LIFE + SKEW);
    assert_eq!(
        verdict(&guard, &held, call.clone()).await,
        Some(Kind::Replay)
    );
}

#[tokio::test]
async fn attack_13_a_wire_call_is_for_one_call_at_one_server() {
    let home = Home::new();
    let guard = bank(&home);
    let held = home.held(&read().grant(Grant::new("fs.write").arg("path", any())));
    let call = asked("/a");
    let presented = guard
        .ring()
        .wire_call(&wire(&home, &held, &call, BANK))
        .unwrap();
    let other = |capability: &str, path: &str| {
        let arguments = asked(path).arguments().clone();
        Call::with_nonce(capability, arguments, call.nonce()).unwrap()
    };
    assert_eq!(
        verdict(&guard, &presented, other("fs.write", "/a")).await,
        Some(Kind::Tool)
    );
    assert_eq!(
        verdict(&guard, &presented, other("fs.read", "/b")).await,
        Some(Kind::Argument)
    );
    assert_eq!(
        verdict(&guard, &presented, asked("/a")).await,
        Some(Kind::Argument),
        "another nonce"
    );
    let elsewhere = guard
        .ring()
        .wire_call(&wire(&home, &held, &call, "shop"))
        .unwrap();
    assert!(verdict(&guard, &elsewhere, call.clone()).await.is_some());
    let mut lied = context();
    lied.facts.audience = Some("shop".to_owned());
    let said = guard
        .authorize(Presented::Wire(&elsewhere), call.clone(), lied)
        .await;
    assert!(
        matches!(said, Verdict::Denied(_)),
        "the audience is the guard's own: {said:?}"
    );
    // All of those spent nothing.
    assert_eq!(verdict(&guard, &presented, call).await, None);
}

#[tokio::test]
async fn attack_13_a_guard_that_forgot_refuses_what_it_may_have_seen() {
    let home = Home::new();
    let before = bank(&home);
    let held = home.held(&read());
    let call = asked("/a");
    let bytes = wire(&home, &held, &call, BANK);
    assert_eq!(
        verdict(
            &before,
            &before.ring().wire_call(&bytes).unwrap(),
            call.clone()
        )
        .await,
        None
    );
    let after = home.guard().audience(BANK).build();
    let replayed = after.ring().wire_call(&bytes).unwrap();
    for later in [0, 1, 30] {
        home.clock.advance(secs(later));
        assert_eq!(
            verdict(&after, &replayed, call.clone()).await,
            Some(Kind::Replay),
            "{later}"
        );
    }
    home.clock.advance(secs(60));
    let fresh = asked("/a");
    let bytes = wire(&home, &held, &fresh, BANK);
    assert_eq!(
        verdict(&after, &after.ring().wire_call(&bytes).unwrap(), fresh).await,
        None
    );
}

#[tokio::test]
async fn attack_31_a_full_replay_set_denies_and_one_holder_cannot_fill_it() {
    let home = Home::new();
    let guard = home.guard().audience(BANK).replay_bounds(5, 2).build();
    home.clock.advance(MAX_CALL_LIFE + SKEW);
    let (greedy, modest) = (home.held(&read()), home.held(&read()));
    let mut said = Vec::new();
    for held in [&greedy, &greedy, &greedy, &modest] {
        let call = asked("/a");
        let bytes = wire(&home, held, &call, BANK);
        said.push(verdict(&guard, &guard.ring().wire_call(&bytes).unwrap(), call).await);
    }
    assert_eq!(said, [None, None, Some(Kind::Replay), None]);
    assert_eq!(once(&guard, &modest).await, None);
    assert_eq!(once(&guard, &modest).await, None);
    assert_eq!(once(&guard, &modest).await, Some(Kind::Replay), "full");
    home.clock.advance(MAX_CALL_LIFE + SKEW + secs(1));
    assert_eq!(once(&guard, &modest).await, None, "lapsed");
}

/// Says the same of every call.
struct Always(Result<Decision, String>);

#[async_trait]
impl Policy for Always {
    async fn decide(&self, _: &Chain, _: &Call, _: &Context) -> Result<Decision, String> {
        self.0.clone()
    }
}

#[tokio::test]
async fn attack_30_without_its_policy_the_guard_denies() {
    let home = Home::new();
    let held = home.held(&read());
    assert_eq!(
        once(&home.guard().require_policy().build(), &held).await,
        Some(Kind::Policy)
    );
    for (said, expected) in [
        (Ok(Decision::Permit), None),
        (Ok(Decision::Deny("no".to_owned())), Some(Kind::Policy)),
        (Err("the engine failed".to_owned()), Some(Kind::Policy)),
        (Ok(Decision::Ask("who?".to_owned())), Some(Kind::Approval)),
    ] {
        let guard = home
            .guard()
            .require_policy()
            .policy(Arc::new(Always(said.clone())))
            .build();
        assert_eq!(once(&guard, &held).await, expected, "{said:?}");
        // It only adds refusals.
        let none = home.held(&Scope::new());
        assert_eq!(once(&guard, &none).await, Some(Kind::Tool), "{said:?}");
    }
}

async fn pending(guard: &Guard, held: &Held, call: Call) -> (ApprovalRequest, Call) {
    match guard.authorize(held.into(), call, context()).await {
        Verdict::Ask(pending) => {
            let Pending {
                request,
                call,
                missing,
            } = *pending;
            assert_eq!(missing.kind(), Kind::Approval);
            (request.unwrap(), call)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_policy_that_asks_is_answered_by_the_guards_approvers() {
    let home = Home::new();
    let approver = AgentKey::generate();
    let asks = || {
        home.guard()
            .policy(Arc::new(Always(Ok(Decision::Ask("large".to_owned())))))
    };
    let guard = asks().approvers([approver.public()]).build();
    let held = home.held(&read());
    let (request, call) = pending(&guard, &held, asked("/a")).await;
    let until = start().saturating_add(secs(60));
    let approved = held
        .with_approval(&request.approve(&approver, until))
        .unwrap();
    // For this call and no other, and once.
    assert_eq!(
        verdict(&guard, &approved, asked("/a")).await,
        Some(Kind::Approval)
    );
    assert_eq!(verdict(&guard, &approved, call.clone()).await, None);
    assert_eq!(
        verdict(&guard, &approved, call.clone()).await,
        Some(Kind::Replay)
    );
    // A guard without approvers accepts no approval.
    assert_eq!(
        verdict(&asks().build(), &approved, call).await,
        Some(Kind::Approval)
    );
}

#[tokio::test]
async fn attack_24_an_agent_cannot_answer_the_policy_itself() {
    let home = Home::new();
    let policy = Arc::new(Always(Ok(Decision::Ask("large".to_owned()))));
    let guard = home
        .guard()
        .policy(policy)
        .approvers([AgentKey::generate().public()])
        .build();
    let held = home.held(&read());
    let (request, call) = pending(&guard, &held, asked("/a")).await;
    let own = request.approve(&AgentKey::generate(), start().saturating_add(secs(60)));
    let approved = held.with_approval(&own).unwrap();
    assert_eq!(verdict(&guard, &approved, call).await, Some(Kind::Approval));
}

#[tokio::test]
async fn attack_24_an_approval_is_for_one_call_by_the_right_key_in_time() {
    let home = Home::new();
    let guard = home.guard().build();
    let (approver, other, stranger) = (
        AgentKey::generate(),
        AgentKey::generate(),
        AgentKey::generate(),
    );
    let grant = Grant::new("fs.read")
        .arg("path", any())
        .approved_by([approver.public()]);
    let held = home.held(&Scope::new().grant(grant));
    let (request, call) = pending(&guard, &held, asked("/a")).await;
    let until = start().saturating_add(secs(60));
    let by = |key: &AgentKey| held.with_approval(&request.approve(key, until)).unwrap();
    assert_eq!(
        verdict(&guard, &by(&stranger), call.clone()).await,
        Some(Kind::Approval)
    );
    let approved = by(&approver);
    assert_eq!(
        verdict(&guard, &approved, asked("/b")).await,
        Some(Kind::Approval)
    );
    let sibling = home.held(&Scope::new().grant(Grant::new("fs.read").arg("path", any())));
    assert!(
        sibling
            .with_approval(&request.approve(&approver, until))
            .is_err(),
        "for another token"
    );
    let expired = held
        .with_approval(&request.approve(&approver, start()))
        .unwrap();
    assert_eq!(
        verdict(&guard, &expired, call.clone()).await,
        Some(Kind::Approval)
    );
    assert_eq!(verdict(&guard, &approved, call.clone()).await, None);
    assert_eq!(verdict(&guard, &approved, call).await, Some(Kind::Replay));
    // Two approvals by one key are one.
    let quorum = Quorum::new(["fs.read"], 2, [approver.public(), other.public()]);
    let held = home.held(&read().quorum(quorum));
    let (request, call) = pending(&guard, &held, asked("/a")).await;
    let first = held
        .with_approval(&request.approve(&approver, until))
        .unwrap();
    let again = first.approval_request(&call, &context().facts);
    let twice = first
        .with_approval(&again.approve(&approver, until))
        .unwrap();
    assert_eq!(
        verdict(&guard, &twice, call.clone()).await,
        Some(Kind::Approval)
    );
    let both = first.with_approval(&again.approve(&other, until)).unwrap();
    assert_eq!(verdict(&guard, &both, call).await, None);
}

#[tokio::test]
async fn attack_22_whatever_of_an_ancestor_is_revoked_the_child_is_denied() {
    let parent_scope = || read().grant(Grant::spawn(["child"])).max_depth(2);
    type What = fn(&Held, &Held) -> Revocable;
    let cases: [(&str, What); 9] = [
        ("parent's block", |parent, _| {
            Revocable::Block(parent.chain().id())
        }),
        ("parent's key", |parent, _| {
            Revocable::Key(parent.chain().holder())
        }),
        ("lineage", |parent, _| {
            Revocable::Lineage(parent.chain().lineage())
        }),
        ("principal", |_, _| Revocable::Principal("ann".to_owned())),
        ("own block", |_, child| Revocable::Block(child.chain().id())),
        ("own key", |_, child| Revocable::Key(child.chain().holder())),
        ("agent", |_, _| Revocable::Agent("lead/reader".to_owned())),
        ("ancestor", |_, _| Revocable::Agent("lead".to_owned())),
        ("task", |_, _| Revocable::Task("t1".to_owned())),
    ];
    for (name, what) in cases {
        let home = Home::new();
        let guard = home.guard().build();
        let parent = home.minted(
            &parent_scope(),
            &Mandate {
                principal: Some("ann".to_owned()),
                ..Mandate::default()
            },
        );
        let (child, other) = (home.child(&parent, &read()), home.held(&read()));
        let ask = async |held: &Held, agent: &str, task: &str| {
            let mut context = context();
            (context.agent, context.facts.task) = (agent.to_owned(), Some(task.to_owned()));
            match guard.authorize(held.into(), asked("/a"), context).await {
                Verdict::Permit(..) => None,
                Verdict::Denied(denial) => Some(denial.kind()),
                Verdict::Ask(_) => panic!(),
            }
        };
        // Once before, so that the caches of the chain are filled.
        assert_eq!(ask(&child, "lead/reader", "t1").await, None, "{name}");
        guard.revocations().revoke([what(&parent, &child)]);
        assert_eq!(
            ask(&child, "lead/reader", "t1").await,
            Some(Kind::Revoked),
            "{name}"
        );
        assert_eq!(ask(&other, "leader", "t2").await, None, "{name}");
    }
}

#[tokio::test]
async fn attack_22_what_is_revoked_while_the_policy_thinks_is_denied() {
    struct Revoking(
        std::sync::Mutex<Option<bailiwick::guard::Revocations>>,
        [u8; 64],
    );

    #[async_trait]
    impl Policy for Revoking {
        async fn decide(&self, _: &Chain, _: &Call, _: &Context) -> Result<Decision, String> {
            let revocations = self.0.lock().unwrap().take().unwrap();
            revocations.revoke([Revocable::Block(self.1)]);
            Ok(Decision::Permit)
        }
    }

    let home = Home::new();
    let held = home.held(&read());
    let revocations = bailiwick::guard::Revocations::new();
    let policy = Revoking(
        std::sync::Mutex::new(Some(revocations.clone())),
        held.chain().id(),
    );
    let guard = home
        .guard()
        .revocations(revocations)
        .policy(Arc::new(policy))
        .build();
    assert_eq!(once(&guard, &held).await, Some(Kind::Revoked));
}

#[tokio::test]
async fn attack_20_a_clock_that_goes_backwards_denies_until_it_is_reset() {
    let home = Home::new();
    let guard = home.guard().build();
    let held = home.held(&read().expires_in(secs(600)));
    home.clock.advance(secs(599));
    assert_eq!(once(&guard, &held).await, None);
    home.clock.advance(secs(1));
    assert_eq!(
        once(&guard, &held).await,
        Some(Kind::Expired),
        "by one tick"
    );
    home.clock.set(start());
    assert_eq!(once(&guard, &held).await, Some(Kind::Unavailable));
    home.clock.advance(secs(1000));
    assert_eq!(
        once(&guard, &held).await,
        Some(Kind::Unavailable),
        "until someone looks"
    );
    guard.reset_clock(start()).await.unwrap();
    home.clock.set(start());
    assert_eq!(once(&guard, &held).await, None);
    home.clock.fail();
    assert_eq!(once(&guard, &held).await, Some(Kind::Unavailable));
}

#[tokio::test]
async fn attack_20_a_child_does_not_outlive_its_parent() {
    let home = Home::new();
    let guard = home.guard().build();
    let parent = home.held(
        &read()
            .grant(Grant::spawn(["child"]))
            .max_depth(1)
            .expires_in(secs(60)),
    );
    let child = home.child(&parent, &read());
    let (key, long) = (AgentKey::generate(), read().expires_in(secs(3600)));
    let raw = parent
        .danger_append("child", &long, key.public(), start())
        .unwrap()
        .held_by(key)
        .unwrap();
    home.clock.advance(secs(60));
    assert_eq!(once(&guard, &child).await, Some(Kind::Expired));
    assert_eq!(once(&guard, &raw).await, Some(Kind::Expired));
}

#[tokio::test]
async fn attack_21_a_budget_of_nothing_spends_nothing() {
    let home = Home::new();
    let guard = home.guard().build();
    let none = home.held(&read().budget(Budget::new("calls", 0)));
    assert_eq!(once(&guard, &none).await, Some(Kind::Budget));
    let three = home.held(&read().budget(Budget::new("calls", 3)));
    for expected in [None, None, None, Some(Kind::Budget), Some(Kind::Budget)] {
        assert_eq!(once(&guard, &three).await, expected);
    }
    let unknown = home.held(&read().budget(Budget::new("euros", 1000)));
    assert_eq!(once(&guard, &unknown).await, Some(Kind::Budget));
    let turns = home.held(&read().budget(Budget::new("turns", 1)));
    assert_eq!(once(&guard, &turns).await, None, "a call is no turn");
    drop(guard.charge(&turns, "lead", &[("turns", 1)]).await.unwrap());
    assert_eq!(
        guard
            .charge(&turns, "lead", &[("turns", 1)])
            .await
            .unwrap_err()
            .kind(),
        Kind::Budget
    );
}

#[tokio::test]
async fn attack_21_a_hundred_siblings_share_what_their_parent_has() {
    let home = Home::new();
    let guard = home.guard().build();
    let scope = read()
        .grant(Grant::spawn(["child"]))
        .max_depth(1)
        .budget(Budget::new("calls", 10));
    let parent = home.held(&scope);
    let mut allowed = 0;
    for _ in 0..100 {
        let child = home.child(&parent, &read());
        allowed += usize::from(once(&guard, &child).await.is_none());
    }
    assert_eq!(allowed, 10);
    assert_eq!(once(&guard, &parent).await, Some(Kind::Budget));
}

#[tokio::test]
async fn attack_21_a_counter_that_two_hops_name_is_charged_once() {
    let home = Home::new();
    let guard = home.guard().build();
    let scope = read().grant(Grant::spawn(["child"])).max_depth(1);
    let parent = home.held(&scope.budget(Budget::new("calls", 10).shared("all")));
    let signer = home.authority.public();
    let restated = Budget::new("calls", 4).shared("all").set_by(signer);
    let child = home.child(&parent, &read().budget(restated));
    let mut said = Vec::new();
    for _ in 0..5 {
        said.push(once(&guard, &child).await);
    }
    assert_eq!(said, [None, None, None, None, Some(Kind::Budget)]);
    // The child's limit is the child's alone.
    for _ in 0..6 {
        assert_eq!(once(&guard, &parent).await, None);
    }
    assert_eq!(once(&guard, &parent).await, Some(Kind::Budget));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn attack_21_of_50_at_once_one_gets_the_last_unit() {
    let home = Home::new();
    let guard = Arc::new(home.guard().build());
    let held = Arc::new(home.held(&read().budget(Budget::new("calls", 1))));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (guard, held) = (guard.clone(), held.clone());
        tasks.spawn(async move { once(&guard, &held).await });
    }
    let verdicts = tasks.join_all().await;
    assert_eq!(
        verdicts.iter().filter(|verdict| verdict.is_none()).count(),
        1
    );
    assert_eq!(
        verdicts
            .iter()
            .filter(|verdict| **verdict == Some(Kind::Budget))
            .count(),
        49
    );
}

#[tokio::test]
async fn a_token_that_lives_too_long_is_refused() {
    let home = Home::new();
    let hour = Duration::from_secs(3600);
    let guard = home.guard().max_lifetime(hour).build();
    let long = home.held(&read().expires_in(2 * hour));
    assert_eq!(once(&guard, &long).await, Some(Kind::Expired));
    let short = home.held(&read().expires_in(hour));
    assert_eq!(once(&guard, &short).await, None);
    home.clock.advance(hour);
    assert_eq!(once(&guard, &long).await, None, "what is left of it counts");
    // A day, unless told otherwise.
    let home = Home::new();
    let guard = home.guard().build();
    for (life, kind) in [
        (24 * hour, None),
        (24 * hour + secs(1), Some(Kind::Expired)),
    ] {
        let held = home.held(&read().expires_in(life));
        assert_eq!(once(&guard, &held).await, kind, "{life:?}");
    }
}

#[tokio::test]
async fn attack_09_a_root_that_was_taken_away_ends_tokens_in_flight() {
    let home = Home::new();
    let guard = home.guard().build();
    let held = home.held(&read());
    assert_eq!(once(&guard, &held).await, None);
    assert!(guard.ring().remove(&home.authority.public()));
    assert_eq!(once(&guard, &held).await, Some(Kind::UntrustedRoot));
}

#[tokio::test]
async fn attack_15_the_caller_does_not_say_where_it_is() {
    let home = Home::new();
    let guard = home.guard().audience(BANK).build();
    let held = home.held(&read().audience("shop"));
    let mut lied = context();
    lied.facts.audience = Some("shop".to_owned());
    lied.facts.time = Timestamp::from_secs(1).unwrap();
    let said = guard.authorize((&held).into(), asked("/a"), lied).await;
    assert!(
        matches!(&said, Verdict::Denied(denial) if denial.kind() == Kind::Audience),
        "{said:?}"
    );
    let step = home.held(&read().step("s1"));
    assert_eq!(once(&guard, &step).await, Some(Kind::Step), "not known");
    let data = home.held(&read().dataset("d"));
    assert_eq!(once(&guard, &data).await, Some(Kind::Dataset), "not known");
    let taint = home.held(&read().taint("web"));
    assert_eq!(once(&guard, &taint).await, Some(Kind::Taint), "not known");
}

#[tokio::test]
async fn check_finds_what_authorize_finds_and_spends_nothing() {
    let home = Home::new();
    let guard = home.guard().build();
    let grant = Grant::new("fs.read").arg("path", eq("/a"));
    let held = home.held(&Scope::new().grant(grant).budget(Budget::new("calls", 1)));
    let mut here = context();
    here.facts.time = start();
    for _ in 0..10 {
        assert!(guard.check((&held).into(), &asked("/a"), &here).is_ok());
    }
    let denial = guard
        .check((&held).into(), &asked("/b"), &here)
        .unwrap_err();
    assert_eq!((denial.kind(), denial.hop()), (Kind::Argument, Some(0)));
    assert_eq!(once(&guard, &held).await, None);
    assert!(home.outcomes().await.is_empty());
}

#[tokio::test]
async fn what_a_caller_expects_in_vain_refuses_the_call_and_is_no_replay() {
    let home = Home::new();
    let guard = home.guard().build();
    let held = home.held(&read().budget(Budget::new("calls", 1)));
    let also = |_| Batch::new().expect(Key::of(["mine"]), Expected::Version(1));
    let verdict = guard.authorize_with((&held).into(), asked("/a"), context(), &also);
    let Verdict::Denied(denial) = verdict.await else {
        panic!("it was not refused")
    };
    assert_eq!(denial.kind(), Kind::Unavailable);
    assert_eq!(once(&guard, &held).await, None, "nothing was taken");
}

#[tokio::test]
async fn what_a_turn_did_not_cost_is_given_back_and_what_is_not_named_stays_taken() {
    let home = Home::new();
    let guard = home.guard().build();
    let scope = read().budget(Budget::new("turns", 2));
    let held = home.held(&scope.budget(Budget::new("tokens", 100)));
    let most = [("turns", 1), ("tokens", 80)];
    let charged = guard.charge(&held, "lead", &most).await.unwrap();
    guard.settle(charged, &[("tokens", 30)]).await.unwrap();
    assert_eq!(guard.left(&held, "tokens").await.unwrap(), Some(70));
    assert_eq!(guard.left(&held, "turns").await.unwrap(), Some(1));
}
