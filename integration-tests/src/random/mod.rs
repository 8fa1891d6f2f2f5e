//! Random scopes, calls and facts from small alphabets, so that they hit each other often.

mod grow;

use std::collections::BTreeSet;

use bailiwick::capability::{
    AgentKey, Atom, Budget, BudgetKey, Call, CallNonce, Chain, Cidr, Constraint, Decimal, Facts,
    Grant, Quorum, Risk, Scope, Sensitivity, UrlPattern, any, at_least, at_most, cidr, eq, host,
    matches, one_of, path_under, prefix, range, subset_of, url,
};
use bailiwick::id::Timestamp;
use serde_json::{Map, Value, json};

pub use grow::{Grown, grow, hold};

/// SplitMix64: small, seeded, and the same everywhere.
pub struct Rng(u64);

impl Rng {
    /// A generator that this seed determines.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True so many times of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// Some of the values, none of them possibly.
    fn some<T: Clone>(&mut self, from: &[T], percent: u64) -> Vec<T> {
        from.iter()
            .filter(|_| self.chance(percent))
            .cloned()
            .collect()
    }
}

const CAPABILITIES: [&str; 4] = ["fs.read", "pay", "we\"ird\\", "agent.spawn"];
const NAMES: [&str; 4] = ["a", "b", "path", "na\"me, \\é"];
const TEXTS: [&str; 40] = [
    "",
    "a",
    "b",
    "ab",
    "abc",
    "x\"y",
    "back\\slash",
    "\\",
    "\"",
    "new\nline",
    "nul\0",
    "\u{202e}rtl",
    "\") or true",
    "a@x.org",
    "/",
    "/srv",
    "/srv/a",
    "/srv/ab",
    "/srv/a/b",
    "/srv/../etc",
    "https://a.org/",
    "https://a.org/v1/x",
    "http://x.b.org:8080/v1",
    "http://b.org/v10",
    "https://10.0.0.1/",
    "a.org",
    "b.org",
    "x.b.org",
    "xb.org",
    "10.0.0.1",
    "10.255.255.255",
    "11.0.0.0",
    "0.0.0.0",
    "255.255.255.255",
    "::1",
    "2001:db8::1",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "ffff::",
    "true",
    "$v0, {,} hex:00 2020-01-01T00:00:00Z",
];
const PATTERNS: [&str; 12] = [
    "a",
    "a|b",
    ".*",
    "(?s).*",
    "[a-z]+",
    "a)|(?:.*",
    "\\\\.*",
    "(?i)AB+",
    "^a",
    "x\"y",
    "/srv/.*",
    "\\d+(\\.\\d+)*",
];

fn value(rng: &mut Rng, deep: bool) -> Value {
    match rng.below(if deep { 12 } else { 8 }) {
        0..=3 => json!(rng.pick(&TEXTS)),
        4 => json!(rng.chance(50)),
        5..=7 => number(rng),
        8 | 9 => {
            let same = value(rng, false);
            let items = (0..rng.below(4)).map(|_| {
                if rng.chance(50) {
                    same.clone()
                } else {
                    value(rng, rng.0.is_multiple_of(7))
                }
            });
            Value::Array(items.collect())
        }
        10 => json!(rng.some(&TEXTS[..8], 30)),
        _ => json!({ *rng.pick(&NAMES): value(rng, true) }),
    }
}

fn number(rng: &mut Rng) -> Value {
    let all = [
        json!(0),
        json!(1),
        json!(2),
        json!(-1),
        json!(-0.5),
        json!(98.7),
        json!(1e308),
        json!(9007199254740993i64),
        json!(0.0000001),
        json!(0.000001),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(9223372036854i64),
        json!(9223372036855i64),
        json!(-9223372036854.775),
        json!(1.0),
        json!(-0.0),
    ];
    rng.pick(&all).clone()
}

fn decimal(rng: &mut Rng) -> Decimal {
    loop {
        if let Value::Number(number) = number(rng)
            && let Some(decimal) = Decimal::of(&number)
        {
            let near = decimal.micros().saturating_add(rng.below(3) as i64 - 1);
            return Decimal::from_micros(near);
        }
        if rng.chance(20) {
            return if rng.chance(50) {
                Decimal::MIN
            } else {
                Decimal::MAX
            };
        }
    }
}

fn atoms(rng: &mut Rng, with: Option<&Value>) -> BTreeSet<Atom> {
    let mut atoms: BTreeSet<Atom> = with.and_then(Atom::of).into_iter().collect();
    for _ in 0..rng.below(4) {
        atoms.extend(Atom::of(&value(rng, true)));
    }
    atoms
}

fn texts(rng: &mut Rng, with: Option<&str>) -> Vec<String> {
    let mut texts: Vec<String> = with.into_iter().map(str::to_owned).collect();
    for _ in 0..=rng.below(2) {
        texts.push((*rng.pick(&TEXTS)).to_owned());
    }
    texts
}

fn networks(rng: &mut Rng) -> Vec<Cidr> {
    let all = [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.0.0.1",
        "128.0.0.0/1",
        "255.255.255.255/32",
        "::/0",
        "::1",
        "2001:db8::/32",
        "2001:db8::/64",
        "2001:db8::/65",
        "2001:db8::/63",
        "8000::/1",
        "2001:db8::1/128",
        "11.0.0.0/31",
    ];
    let mut some: Vec<Cidr> = rng
        .some(&all, 30)
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    if some.is_empty() {
        some.push(rng.pick(&all).parse().unwrap());
    }
    some
}

fn url_pattern(rng: &mut Rng) -> UrlPattern {
    let mut set = |all: &[&str]| {
        rng.chance(60).then(|| {
            let mut set: BTreeSet<String> =
                rng.some(all, 50).into_iter().map(str::to_owned).collect();
            set.insert((*rng.pick(all)).to_owned());
            set
        })
    };
    UrlPattern {
        schemes: set(&["http", "https"]),
        hosts: set(&["a.org", "b.org", ".b.org", "x.b.org", "10.0.0.1"]),
        paths: set(&["/", "/v1/", "/v1/x/"]),
        ports: rng
            .chance(30)
            .then(|| rng.some(&[80, 443, 8080], 60).into_iter().collect()),
    }
}

/// Any constraint; most of the time one that could hold of `about`.
fn constraint(rng: &mut Rng, about: Option<&Value>) -> Constraint {
    let about = about.filter(|_| rng.chance(96));
    let text = about.and_then(Value::as_str);
    let kind = match about {
        None => rng.below(14),
        Some(Value::String(text)) if text.starts_with('/') && rng.chance(50) => 5,
        Some(Value::String(text)) if text.contains("://") && rng.chance(50) => 6,
        Some(Value::String(text)) if text.ends_with(".org") && rng.chance(40) => 7,
        Some(Value::String(text)) if text.contains(['.', ':']) && rng.chance(40) => 8,
        Some(Value::String(_)) => *rng.pick(&[0, 1, 2, 2, 3, 10, 11]),
        Some(Value::Number(_)) => *rng.pick(&[0, 1, 4, 4, 9, 10, 12]),
        Some(Value::Array(_)) => *rng.pick(&[0, 1, 10, 13, 13, 13]),
        Some(_) => *rng.pick(&[0, 1, 10]),
    };
    match kind {
        0 => eq(about
            .and_then(Atom::of)
            .unwrap_or_else(|| Atom::of(&value(rng, false)).unwrap())),
        1 => one_of(atoms(rng, about)),
        2 => match text {
            Some(text) => {
                let end = rng.below(text.chars().count() as u64 + 1) as usize;
                let start: String = text.chars().take(end).collect();
                prefix(texts(rng, Some(&start)))
            }
            None => prefix(texts(rng, None)),
        },
        3 => {
            let mut patterns = rng.some(&PATTERNS, 20);
            patterns.extend(rng.chance(60).then_some("(?s).*"));
            matches(patterns)
        }
        4 => {
            let known = about.and_then(|value| Decimal::of(value.as_number()?));
            let (a, b) = (decimal(rng), decimal(rng));
            let c = known.filter(|_| rng.chance(80)).unwrap_or(a);
            range(a.min(b).min(c), a.max(b).max(c))
        }
        5 => {
            let mut roots = rng.some(&["/srv", "/srv/a", "/srv/ab", "/sr", "/etc"], 40);
            roots.extend(rng.chance(40).then_some("/"));
            path_under(roots)
        }
        6 => url(url_pattern(rng)),
        7 => {
            let mut hosts = rng.some(
                &["a.org", "b.org", ".b.org", ".org", "x.b.org", "10.0.0.1"],
                40,
            );
            hosts.extend(text.filter(|_| rng.chance(50)));
            host(hosts)
        }
        8 => cidr(networks(rng)),
        9 => at_least(decimal(rng)),
        12 => at_most(decimal(rng)),
        13 => match about {
            Some(Value::Array(items)) => {
                let mut atoms: BTreeSet<Atom> = items.iter().filter_map(Atom::of).collect();
                atoms.extend(
                    rng.chance(40)
                        .then(|| Atom::of(&value(rng, true)))
                        .flatten(),
                );
                subset_of(atoms)
            }
            _ => subset_of(atoms(rng, None)),
        },
        11 => {
            // The very text as a pattern.
            let mut quoted = String::new();
            for letter in text.unwrap_or("a").chars() {
                if letter.is_ascii_punctuation() {
                    quoted.push('\\');
                }
                quoted.push(letter);
            }
            matches([quoted])
        }
        _ => any(),
    }
}

/// One token's surroundings: the call and facts that most of its scopes are made about.
pub struct World {
    /// When it is asked.
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
    /// A random call and what is known about it.
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
        let call = Call::new(*rng.pick(&CAPABILITIES), args).unwrap();
        let approvers = (0..4).map(|_| AgentKey::generate()).collect();
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
            nonce = CallNonce::fresh();
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
        (Call::with_nonce(capability, args, nonce).unwrap(), facts)
    }
}

/// A value that may be taken for another: of another type, in an array, a little longer.
fn similar(rng: &mut Rng, value: Option<&Value>) -> Value {
    let Some(value) = value else {
        return json!(null);
    };
    match rng.below(4) {
        0 => json!([value]),
        1 => json!(value.to_string()),
        2 => json!(format!(
            "{}{}",
            value.as_str().unwrap_or("/srv"),
            rng.pick(&["/x", "/..", " ", "\0", ".evil.io"])
        )),
        _ => match value {
            Value::Array(items) => items.first().cloned().unwrap_or(json!([[]])),
            Value::String(text) => json!(text.to_uppercase()),
            other => json!([other, other]),
        },
    }
}
