//! Constraints that hold of a given value most of the time.

use std::collections::BTreeSet;

use bailiwick::capability::{
    Atom, Constraint, Decimal, any, at_least, at_most, cidr, eq, host, matches, one_of, path_under,
    prefix, range, subset_of, url,
};
use serde_json::Value;

use super::Rng;
use super::values::{PATTERNS, atoms, decimal, networks, texts, url_pattern, value};

/// Any constraint; most of the time one that could hold of `about`.
pub(super) fn constraint(rng: &mut Rng, about: Option<&Value>) -> Constraint {
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
            patterns.extend(rng.chance(60).then_some("(?:.|\n)*"));
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
