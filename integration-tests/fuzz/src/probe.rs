//! Calls that a chain might just allow: made from what its own blocks say.

use std::collections::BTreeSet;
use std::net::IpAddr;

use bailiwick::capability::{
    Atom, Call, Chain, Constraint, Decimal, Facts, Grants, Label, Risk, Sensitivity,
};
use bailiwick::id::Timestamp;
use bailiwick_integration_tests::random::Rng;
use serde_json::{Map, Number, Value, json};

const TAILS: [&str; 8] = ["", "", "", "/x", "a", "/..", "\"", "é"];

/// A call, and what is known about it, on the edge of what the chain allows.
#[must_use]
pub fn probe(rng: &mut Rng, chain: &Chain) -> (Call, Facts) {
    let grants: Vec<_> = chain
        .bounds()
        .filter_map(|bounds| match bounds.grants() {
            Grants::Only(grants) => Some(grants),
            Grants::Inherit => None,
        })
        .flatten()
        .collect();
    let (mut capability, mut args) = ("fs.read".to_owned(), Map::new());
    if !grants.is_empty() {
        let grant = rng.pick(&grants);
        capability = grant.capability().to_owned();
        for (name, constraint) in grant.args() {
            let left_out = if matches!(constraint, Constraint::Any) {
                50
            } else {
                2
            };
            if !rng.chance(left_out)
                && let Some(value) = fits(rng, constraint)
            {
                args.insert(name.clone(), value);
            }
        }
    }
    if rng.chance(4) {
        args.insert("other".to_owned(), json!(1));
    }
    let facts = facts(rng, chain);
    let call = Call::with_nonce(capability, args, rng.nonce())
        .expect("small values have a canonical form");
    (call, facts)
}

fn facts(rng: &mut Rng, chain: &Chain) -> Facts {
    let mut start = Timestamp::default();
    let mut facts = Facts::at(Timestamp::default());
    (facts.risk, facts.sensitivity) = (Some(Risk::Critical), Some(Sensitivity::Restricted));
    (facts.dataset, facts.taint) = (Some(BTreeSet::new()), Some(BTreeSet::new()));
    for bounds in chain.bounds() {
        let caveats = bounds.caveats();
        start = start.max(caveats.not_before.unwrap_or_default());
        for (fact, set) in [
            (&mut facts.audience, caveats.labels.get(Label::Audience)),
            (&mut facts.task, caveats.labels.get(Label::Task)),
            (&mut facts.step, caveats.labels.get(Label::Step)),
        ] {
            if let Some(set) = set
                && let Some(word) = set.iter().nth(rng.below(2) as usize).or(set.first())
            {
                *fact = Some(word.clone());
            }
        }
        for (fact, set) in [
            (&mut facts.dataset, caveats.labels.get(Label::Dataset)),
            (&mut facts.taint, caveats.labels.get(Label::Taint)),
        ] {
            if let Some(set) = set
                && rng.chance(70)
            {
                *fact = Some(set.iter().filter(|_| rng.chance(50)).cloned().collect());
            }
        }
        facts.risk = facts.risk.min(caveats.risk.or(facts.risk));
        facts.sensitivity = facts
            .sensitivity
            .min(caveats.sensitivity.or(facts.sensitivity));
    }
    for (key, max, _) in chain.budgets() {
        let used = max.saturating_add(u64::from(rng.chance(10)));
        facts.used.insert(key.clone(), used);
    }
    // Within the second before the end most of the time, else at the end or the start.
    let second = std::time::Duration::from_secs(1);
    facts.time = match rng.below(8) {
        0 => chain.expires(),
        1 => start,
        2 => start.saturating_sub(second),
        _ => chain.expires().saturating_sub(second).max(start),
    };
    match rng.below(24) {
        0 => facts.audience = None,
        1 => facts.task = None,
        2 => facts.step = None,
        3 => facts.dataset = None,
        4 => facts.taint = None,
        5 => facts.risk = None,
        6 => facts.sensitivity = None,
        7 => facts.used.clear(),
        8 => facts.audience = Some("aud".to_owned()),
        _ => {}
    }
    facts
}

/// A value that the constraint allows, or nearly.
fn fits(rng: &mut Rng, constraint: &Constraint) -> Option<Value> {
    Some(match constraint {
        Constraint::Eq(atom) => value(atom)?,
        Constraint::OneOf(set) => value(one(rng, set)?)?,
        Constraint::SubsetOf(set) => set
            .iter()
            .filter(|_| rng.chance(60))
            .filter_map(value)
            .collect(),
        Constraint::Prefix(set) => {
            let start = one(rng, set)?;
            tailed(rng, start)
        }
        Constraint::Range { min, max } => {
            let end = if rng.chance(50) {
                min.or(*max)?
            } else {
                max.or(*min)?
            };
            let near = end.micros().saturating_add(rng.below(3) as i64 - 1);
            number(Decimal::from_micros(near))?
        }
        Constraint::PathUnder(roots) => {
            let root = one(rng, roots)?.trim_end_matches('/').to_owned();
            tailed(rng, &root)
        }
        Constraint::Url(pattern) => {
            let part = |rng: &mut Rng, set: &Option<BTreeSet<String>>, free: &str| {
                let known = set.as_ref().and_then(|set| one(rng, set).cloned());
                known.unwrap_or_else(|| free.to_owned())
            };
            let scheme = part(rng, &pattern.schemes, "https");
            let host = part(rng, &pattern.hosts, "a.org");
            let host = under(rng, &host);
            let path = part(rng, &pattern.paths, "/");
            let ports = pattern
                .ports
                .as_ref()
                .and_then(|ports| ports.first().copied());
            let port = match ports {
                None | Some(80 | 443) => String::new(),
                Some(port) => format!(":{port}"),
            };
            let tail = *rng.pick(&["", "", "x", "?q=1", "../"]);
            json!(format!("{scheme}://{host}{port}{path}{tail}"))
        }
        Constraint::Host(hosts) => {
            let host = one(rng, hosts)?.clone();
            json!(under(rng, &host))
        }
        Constraint::Cidr(networks) => {
            let all: Vec<_> = networks.iter().map(ToString::to_string).collect();
            let network = rng.pick(&all).clone();
            json!(address(rng, &network)?)
        }
        Constraint::Matches(patterns) => match rng.below(4) {
            0 => json!(""),
            1 => json!("a"),
            _ => {
                let source = one(rng, patterns)?;
                tailed(rng, source)
            }
        },
        Constraint::Absent => return None,
        _ => json!([1, "x"]),
    })
}

fn one<'a, T>(rng: &mut Rng, set: &'a BTreeSet<T>) -> Option<&'a T> {
    set.iter().nth(rng.below(set.len().max(1) as u64) as usize)
}

fn tailed(rng: &mut Rng, text: &str) -> Value {
    json!(format!("{text}{}", rng.pick(&TAILS)))
}

/// The host itself, or one under it where `.host` says so.
fn under(rng: &mut Rng, host: &str) -> String {
    match host.strip_prefix('.') {
        Some(name) if rng.chance(50) => format!("x.{name}"),
        Some(name) => name.to_owned(),
        None => host.to_owned(),
    }
}

/// The first address of a network, the last, or one past it.
fn address(rng: &mut Rng, network: &str) -> Option<String> {
    let (first, len) = network.split_once('/')?;
    let len: u32 = len.parse().ok()?;
    let step = rng.below(3);
    Some(match first.parse().ok()? {
        IpAddr::V4(first) => {
            let last = u32::from(first) | u32::MAX.checked_shr(len).unwrap_or(0);
            let all = [u32::from(first), last, last.wrapping_add(1)];
            std::net::Ipv4Addr::from(all[step as usize]).to_string()
        }
        IpAddr::V6(first) => {
            let last = u128::from(first) | u128::MAX.checked_shr(len).unwrap_or(0);
            let all = [u128::from(first), last, last.wrapping_add(1)];
            std::net::Ipv6Addr::from(all[step as usize]).to_string()
        }
    })
}

/// The JSON value of an atom; a hash has none.
fn value(atom: &Atom) -> Option<Value> {
    Some(match atom {
        Atom::Str(text) => json!(text),
        Atom::Bool(truth) => json!(truth),
        Atom::Num(decimal) => number(*decimal)?,
        Atom::Hash(_) => return None,
    })
}

fn number(decimal: Decimal) -> Option<Value> {
    decimal
        .to_number()
        .map(|number: Number| Value::Number(number))
}
