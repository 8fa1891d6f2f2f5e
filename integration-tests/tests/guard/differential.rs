//! Native ≡ Datalog: for random scopes, chains, calls and facts the stock engine gives the verdict
//! that we give, and the block that it blames first is the one that we name.
//!
//! `BAILIWICK_CASES` is the number of verdicts compared. `BAILIWICK_SEED` chooses them: a number, or
//! `random` to look for new ones. Without it every run compares the same, so that a change is blamed
//! for what it did and not for what an unlucky draw found.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

use bailiwick::capability::{Authority, Call, CallNonce, Chain, Facts, KeyRing, Kind, Skip};
use bailiwick_integration_tests::random::{Grown, Rng, World, grow};
use bailiwick_integration_tests::stock::{self, Verdict};

fn cases() -> u64 {
    std::env::var("BAILIWICK_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1500)
}

fn seed() -> u64 {
    match std::env::var("BAILIWICK_SEED").as_deref() {
        Err(_) => 20_261_122,
        Ok("random") => u64::from_le_bytes(*CallNonce::fresh().0.first_chunk().unwrap()),
        Ok(text) => text
            .parse()
            .expect("BAILIWICK_SEED is a number or `random`"),
    }
}

/// How many calls are asked of one token.
const CALLS: u64 = 24;

/// How many threads share the cases. Not those of the machine: the cases are the same on each.
const LANES: u64 = 4;

#[derive(Default, Debug)]
struct Count {
    asked: u64,
    allowed: u64,
    errors: u64,
    tokens: u64,
    wire: u64,
    wire_allowed: u64,
    by_kind: std::collections::BTreeMap<Kind, u64>,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.allowed += other.allowed;
        self.errors += other.errors;
        self.tokens += other.tokens;
        self.wire += other.wire;
        self.wire_allowed += other.wire_allowed;
        for (kind, times) in other.by_kind {
            *self.by_kind.entry(kind).or_default() += times;
        }
    }

    /// Compares one verdict.
    fn compare(
        &mut self,
        token: &biscuit_auth::Biscuit,
        chain: &Chain,
        call: &Call,
        facts: &Facts,
    ) -> bool {
        let ours = chain.explain(call, facts, Skip::default());
        let theirs = stock::ask(token, chain, call, facts);
        let show = || {
            let blocks: Vec<_> = chain.hops().map(|hop| hop.datalog()).collect();
            format!("{blocks:#?}\n{call:#?}\n{facts:#?}\nours {ours:?}\ntheirs {theirs:?}")
        };
        match (&ours, &theirs) {
            (Ok(()), Verdict::Allow) => {}
            (Err(_), Verdict::Error(_)) => self.errors += 1,
            (Err(refusal), Verdict::Deny { block: Some(block) }) => {
                let hop = refusal.hop().unwrap();
                let same = if hop <= chain.depth() {
                    hop == *block
                } else {
                    *block > chain.depth()
                };
                assert!(same, "another block is to blame: {}", show());
            }
            _ => panic!("the verdicts differ: {}", show()),
        }
        self.asked += 1;
        self.allowed += u64::from(ours.is_ok());
        if let Err(refusal) = &ours {
            *self.by_kind.entry(refusal.kind()).or_default() += 1;
        }
        ours.is_ok()
    }
}

/// What the child is allowed its parents are; and the hop that is named is the lowest.
fn narrower(grown: &Grown, call: &Call, facts: &Facts) {
    let skip = Skip {
        approvals: true,
        budgets: false,
    };
    let verdict = grown.chain.explain(call, facts, skip);
    let by_prefix: Vec<_> = grown
        .before
        .iter()
        .map(|chain| chain.explain(call, facts, skip))
        .collect();
    match verdict {
        Ok(()) => assert!(
            by_prefix.iter().all(Result::is_ok),
            "a parent refuses what its child may: {by_prefix:?}"
        ),
        Err(refusal) => {
            let hop = refusal.hop().unwrap() as usize;
            assert!(
                by_prefix[..hop].iter().all(Result::is_ok),
                "a lower hop refuses: {refusal} {by_prefix:?}"
            );
            if refusal.kind() != Kind::Depth {
                assert_eq!(by_prefix[hop], Err(refusal));
            }
        }
    }
}

/// So many verdicts, and no fewer.
fn compared(mut rng: Rng, cases: u64) -> Count {
    let mut count = Count::default();
    while count.asked < cases {
        let root = Authority::generate();
        let ring = KeyRing::new([root.root()]);
        let world = World::random(&mut rng);
        let grown = grow(&mut rng, &world, &root, &ring);
        let token = stock::bearer(&grown.chain, &grown.key());
        count.tokens += 1;
        for index in 0..CALLS {
            let (call, facts) = world.ask(&mut rng, &grown.chain, index);
            count.compare(&token, &grown.chain, &call, &facts);
            narrower(&grown, &call, &facts);
        }
        let (call, facts) = world.ask(&mut rng, &grown.chain, 0);
        let life = std::time::Duration::from_secs(rng.below(90));
        let Ok(bytes) = grown.held().wire_call(&call, &facts, life) else {
            continue;
        };
        let wire = ring.wire_call(&bytes).unwrap();
        let token = biscuit_auth::Biscuit::from(&bytes, stock::key(&root.public())).unwrap();
        for index in 0..3 {
            let (call, facts) = if index == 0 {
                (call.clone(), facts.clone())
            } else {
                world.ask(&mut rng, wire.chain(), index)
            };
            count.wire += 1;
            count.wire_allowed += u64::from(count.compare(&token, wire.chain(), &call, &facts));
        }
    }
    count
}

#[test]
fn the_stock_engine_agrees() {
    let seed = seed();
    eprintln!("BAILIWICK_SEED={seed}");
    let started = std::time::Instant::now();
    let mut seeds = Rng::new(seed);
    let lanes: Vec<_> = (0..LANES)
        .map(|_| {
            let rng = Rng::new(seeds.below(u64::MAX));
            std::thread::spawn(move || compared(rng, cases().div_ceil(LANES)))
        })
        .collect();
    let mut count = Count::default();
    for lane in lanes {
        count.add(lane.join().expect("a lane that fails has said why"));
    }
    let each = started.elapsed() / u32::try_from(count.asked).unwrap();
    eprintln!("{each:?} a case, {count:?}");
    // A share says something of the generator only when many tokens were drawn.
    let enough = if count.tokens >= 1000 {
        (15, 5)
    } else {
        (1, 0)
    };
    assert!(
        count.allowed * 100 >= count.asked * enough.0,
        "too few cases allow: {count:?}"
    );
    assert!(
        count.wire_allowed * 100 >= count.wire * enough.1,
        "too few wire calls allow: {count:?}"
    );
    assert_eq!(
        count.errors, 0,
        "the engine gave up on a block in profile: {count:?}"
    );
}
