//! A token's surroundings, and random scopes, calls and facts in them.

use std::collections::BTreeSet;

use bailiwick::capability::{
    AgentKey, Budget, BudgetKey, Call, CallNonce, Chain, Facts, Grant, Quorum, Risk, Scope,
    Sensitivity, any,
};
use bailiwick::id::Timestamp;
use serde_json::{Map, Value};

use super::Rng;
use super::constraint::constraint;
use super::values::{CAPABILITIES, NAMES, similar, value};
use crate::forge;

/// One token's surroundings: the call and facts that most of its scopes are made about.
pub struct World {
    /// Now.
    pub now: Timestamp,
    /// The call.
    pub call: Call,
    /// What is known about it.
    pub facts: Facts,
    /// Who may approve.
    pub approvers: Vec<AgentKey>,
}

const WORDS: [&str; 3] = ["x", "y\"", "z\\\n"];

fn strings(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl World {
    /// Any surroundings.
    #[must_use]
    pub fn random(rng: &mut Rng) -> Self {
        let now = Timestamp::from_millis(1_800_000_000_000 + rng.below(1000)).unwrap();
        let mut facts = Facts::at(now);
        let word = |rng: &mut Rng| rng.chance(80).then(|| (*rng.pick(&WORDS)).to_owned());
        (facts.audience, facts.task, facts.step) = (word(rng), word(rng), word(rng));
        facts.dataset = rng.chance(80).then(|| strings(&rng.some(&WORDS, 30)));
        facts.taint = rng.chance(80).then(|| strings(&rng.some(&WORDS, 30)));
        facts.risk = rng.chance(80).then(|| *rng.pick(Risk::ALL));
        facts.sensitivity = rng.chance(80).then(|| *rng.pick(Sensitivity::ALL));
        let mut args = Map::new();
        for name in NAMES {
            if rng.chance(40) {
                args.insert(name.to_owned(), value(rng, true));
            }
        }
        let capability = *rng.pick(&CAPABILITIES);
        let call = call(capability, args, rng.nonce());
        let approvers = (0..4).map(|_| forge::agent(&rng.key())).collect();
        Self {
            now,
            call,
            facts,
            approvers,
        }
    }

    /// A moment at or around which something ends.
    pub fn expiry(&self, rng: &mut Rng) -> Timestamp {
        let seconds = *rng.pick(&[1, 2, 60, 60, 3600, 3600, 86400]);
        self.now
            .saturating_add(std::time::Duration::from_secs(seconds))
    }

    fn grant(&self, rng: &mut Rng, hop: bool) -> Grant {
        let about = rng.chance(if hop { 90 } else { 85 });
        let capability = if about {
            self.call.capability()
        } else {
            *rng.pick(&CAPABILITIES)
        };
        let mut grant = Grant::new(capability);
        for name in NAMES {
            let given = self.call.arguments().get(name);
            if given.is_some() && rng.chance(if about { 98 } else { 50 }) || rng.chance(8) {
                let constraint = if given.is_none() && rng.chance(50) {
                    any()
                } else {
                    constraint(rng, given)
                };
                grant = grant.arg(name, constraint);
            }
        }
        if rng.chance(12) {
            let keys: Vec<_> = self
                .approvers
                .iter()
                .filter(|_| rng.chance(50))
                .map(AgentKey::public)
                .collect();
            grant = grant.approved_by(keys);
        }
        grant
    }

    /// A scope for the authority block or a hop; most leave leave to spawn, unless they are last.
    pub fn scope(&self, rng: &mut Rng, hop: bool, last: bool, budgets: &[BudgetKey]) -> Scope {
        let mut scope = if hop && rng.chance(25) {
            Scope::inherit()
        } else {
            Scope::new()
        };
        if scope == Scope::new() && !rng.chance(2) {
            for _ in 0..1 + rng.below(3) {
                scope = scope.grant(self.grant(rng, hop));
            }
            if rng.chance(if last { 30 } else { 95 }) {
                scope = scope.grant(Grant::spawn(["agent"]));
            }
        }
        scope = scope.expires_at(self.expiry(rng));
        let words = |rng: &mut Rng, known: &Option<String>| {
            let mut words = strings(&rng.some(&WORDS, 40));
            words.extend(known.clone().filter(|_| rng.chance(95)));
            words.into_iter().collect::<Vec<_>>()
        };
        let sets = |rng: &mut Rng, known: &Option<BTreeSet<String>>| {
            let mut words = strings(&rng.some(&WORDS, 40));
            words.extend(
                known
                    .clone()
                    .filter(|_| rng.chance(95))
                    .into_iter()
                    .flatten(),
            );
            words.into_iter().collect::<Vec<_>>()
        };
        const RARE: u64 = 6;
        let facts = &self.facts;
        if rng.chance(RARE) {
            scope = scope.not_before(
                Timestamp::from_secs(self.now.secs() + u64::from(rng.chance(10)) - rng.below(2))
                    .unwrap(),
            );
        }
        if rng.chance(RARE) {
            scope = scope.audience(words(rng, &facts.audience));
        }
        if rng.chance(RARE) {
            scope = scope.task(words(rng, &facts.task));
        }
        if rng.chance(RARE) {
            scope = scope.step(words(rng, &facts.step));
        }
        if rng.chance(RARE) {
            scope = scope.dataset(sets(rng, &facts.dataset));
        }
        if rng.chance(RARE) {
            scope = scope.taint(sets(rng, &facts.taint));
        }
        if rng.chance(RARE) {
            scope = scope.max_risk(
                facts
                    .risk
                    .filter(|_| rng.chance(80))
                    .unwrap_or(*rng.pick(Risk::ALL)),
            );
        }
        if rng.chance(RARE) {
            scope = scope.max_sensitivity(
                facts
                    .sensitivity
                    .filter(|_| rng.chance(80))
                    .unwrap_or(*rng.pick(Sensitivity::ALL)),
            );
        }
        if rng.chance(RARE) {
            scope = scope.max_depth(3 + rng.below(4) as u32);
        }
        if rng.chance(RARE) {
            scope = scope.budget(Budget::new(
                *rng.pick(&["calls", "turns"]),
                *rng.pick(&[0, 1, 5, i64::MAX as u64]),
            ));
        }
        if rng.chance(RARE) {
            scope = scope.budget(Budget::new("calls", rng.below(9)).shared("m"));
        }
        if !budgets.is_empty() && rng.chance(30) {
            let known = rng.pick(budgets);
            let (signer, label) = known.id.rsplit_once('/').unwrap();
            let again = Budget::new(known.kind.as_str(), rng.below(9))
                .shared(label)
                .set_by(signer.parse().unwrap());
            scope = scope.budget(again);
        }
        if rng.chance(RARE) {
            let keys: Vec<_> = self
                .approvers
                .iter()
                .filter(|_| rng.chance(70))
                .map(AgentKey::public)
                .collect();
            let need = 1 + rng.below(3) as u8;
            let mut capabilities = rng.some(&CAPABILITIES, 30);
            capabilities.push(self.call.capability());
            scope = scope.quorum(Quorum::new(capabilities, need, keys));
        }
        scope
    }

    /// A call and what is known about it: the first is the world's own.
    pub fn ask(&self, rng: &mut Rng, chain: &Chain, index: u64) -> (Call, Facts) {
        let mut args = self.call.arguments().clone();
        let mut capability = self.call.capability().to_owned();
        let mut nonce = self.call.nonce();
        let own = index == 0;
        if !own && rng.chance(33) {
            let name = (*rng.pick(&NAMES)).to_owned();
            match rng.below(3) {
                0 => drop(args.remove(&name)),
                1 => drop(args.insert(name, value(rng, true))),
                _ => {
                    drop(args.insert(name.clone(), similar(rng, self.call.arguments().get(&name))))
                }
            }
        }
        if !own && rng.chance(8) {
            capability = (*rng.pick(&CAPABILITIES)).to_owned();
        }
        if !own && rng.chance(8) {
            nonce = rng.nonce();
        }
        let mut facts = self.facts.clone();
        for (key, max, _) in chain.budgets() {
            if rng.chance(95) {
                let used = match rng.below(10) {
                    0 => max.saturating_add(1),
                    1 => u64::MAX,
                    2 => i64::MAX as u64,
                    3..=5 => max,
                    _ => 0,
                };
                facts.used.insert(key.clone(), used);
            }
        }
        if rng.chance(5) {
            facts.used.insert(
                BudgetKey {
                    kind: "calls".to_owned(),
                    id: "other\"".to_owned(),
                },
                3,
            );
        }
        if !own && rng.chance(25) {
            match rng.below(8) {
                0 => facts.audience = rng.chance(50).then(|| (*rng.pick(&WORDS)).to_owned()),
                1 => facts.task = rng.chance(50).then(|| (*rng.pick(&WORDS)).to_owned()),
                2 => facts.step = rng.chance(50).then(|| (*rng.pick(&WORDS)).to_owned()),
                3 => facts.dataset = rng.chance(50).then(|| strings(&rng.some(&WORDS, 40))),
                4 => facts.taint = rng.chance(50).then(|| strings(&rng.some(&WORDS, 40))),
                5 => facts.risk = rng.chance(50).then(|| *rng.pick(Risk::ALL)),
                6 => facts.sensitivity = rng.chance(50).then(|| *rng.pick(Sensitivity::ALL)),
                _ => {
                    let ends = self.expiry(rng).floor_to_second().millis() + rng.below(3) - 1;
                    facts.time = Timestamp::from_millis(ends).unwrap();
                }
            }
        }
        if !own && rng.chance(1) {
            facts.time = *rng.pick(&[Timestamp::MAX, Timestamp::default()]);
        }
        (call(&capability, args, nonce), facts)
    }
}

/// A call; without arguments where these nest too deep, which given choices may make them.
fn call(capability: &str, args: Map<String, Value>, nonce: CallNonce) -> Call {
    Call::with_nonce(capability, args, nonce)
        .or_else(|_| Call::with_nonce(capability, Map::new(), nonce))
        .unwrap()
}
