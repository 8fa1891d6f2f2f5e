//! Whether one constraint allows no more than another.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::capability::scope::{Constraint, strip_slash};
use crate::capability::value::{Atom, Cidr, Reading, UrlPattern, normal, pattern_matches};
use crate::capability::work;

/// The answer to "is all that the child allows allowed by the parent?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// Yes, certainly.
    Yes,
    /// No: some value is allowed by the child and not by the parent.
    No,
    /// Not known; to be treated as no.
    Undecided,
}

impl From<bool> for Cover {
    fn from(covered: bool) -> Self {
        if covered { Self::Yes } else { Self::No }
    }
}

/// Whether `parent` allows all that `child` allows, both about an argument that is given.
///
/// `Yes` is certain. `Undecided` is the honest answer for two constraints that read one string in
/// two ways, one of them a pattern.
pub(super) fn cover(child: &Constraint, parent: &Constraint) -> Cover {
    use Constraint as C;
    if let Some(values) = values(child) {
        return each(values, |atom| satisfies(atom, parent));
    }
    match (child, parent) {
        // A host is recognised in one spelling only, so exact ones are a list of strings.
        (C::Host(hosts), _) if !hosts.iter().any(|host| host.starts_with('.')) => {
            let atoms: Vec<_> = hosts.iter().map(|host| Atom::Str(host.clone())).collect();
            each(atoms.iter(), |atom| satisfies(atom, parent))
        }
        (_, C::Any) | (C::Absent, _) => Cover::Yes,
        (
            C::Range { min, max },
            C::Range {
                min: low,
                max: high,
            },
        ) => {
            let above = low.is_none_or(|low| min.is_some_and(|min| low <= min));
            let below = high.is_none_or(|high| max.is_some_and(|max| max <= high));
            (above && below).into()
        }
        // A range of one value; wider ones hold more values than a list is ever written with.
        (
            C::Range {
                min: Some(min),
                max: Some(max),
            },
            C::Eq(_) | C::OneOf(_),
        ) if min == max => satisfies(&Atom::Num(*min), parent),
        (C::SubsetOf(few), C::SubsetOf(many)) => few.is_subset(many).into(),
        (C::Prefix(few), C::Prefix(many)) | (C::PathUnder(few), C::PathUnder(many)) => {
            under(few, many).into()
        }
        (_, C::Prefix(prefixes)) if reads_text(child) && prefixes.contains("") => Cover::Yes,
        // A string is under a root when it is the root without its slash, or goes on after it.
        (C::PathUnder(roots), C::Prefix(prefixes)) => roots
            .iter()
            .all(|root| {
                prefixes
                    .iter()
                    .any(|prefix| strip_slash(root).starts_with(prefix.as_str()))
            })
            .into(),
        // Some string with that beginning is no path, URL, host or address.
        (C::Prefix(_), C::PathUnder(_) | C::Url(_) | C::Host(_) | C::Cidr(_)) => Cover::No,
        (C::Host(few), C::Host(many)) => few.iter().all(|host| host_under(host, many)).into(),
        (C::Cidr(few), C::Cidr(many)) => {
            few.iter().all(|network| network_in(*network, many)).into()
        }
        (C::Url(few), C::Url(many)) => url_in(few, many).into(),
        (C::Matches(few), C::Matches(many)) if few.is_subset(many) => Cover::Yes,
        // Finitely many strings, or a number of them that is not known, against a list.
        (C::Host(_) | C::Cidr(_) | C::Matches(_), C::Eq(_) | C::OneOf(_)) => Cover::Undecided,
        _ if reads_text(child) && reads_text(parent) => Cover::Undecided,
        // Anything under something, something under nothing, or two kinds of value.
        _ => Cover::No,
    }
}

/// Whether the argument `atom` satisfies `constraint`; undecided when its hash hides it.
pub(super) fn satisfies(atom: &Atom, constraint: &Constraint) -> Cover {
    use Constraint as C;
    work::comparisons(1);
    let text = match (atom, constraint) {
        (Atom::Hash(_), C::SubsetOf(_)) => return Cover::Undecided,
        (_, C::Eq(other)) => return (atom == other).into(),
        (_, C::OneOf(set)) => return set.contains(atom).into(),
        (_, C::Any) => return Cover::Yes,
        (Atom::Num(number), C::Range { .. }) => {
            let reading = Reading {
                num: Some(*number),
                ..Reading::default()
            };
            return constraint.allows(&reading, |_, _| false).into();
        }
        (Atom::Str(text), _) => text,
        _ => return Cover::No,
    };
    let covered = match constraint {
        C::Prefix(prefixes) => starts_in(text, prefixes),
        C::PathUnder(roots) => normal::path(text).is_some_and(|path| starts_in(&path, roots)),
        C::Url(pattern) => normal::url(text).is_some_and(|url| pattern.allows(&url)),
        C::Host(hosts) => normal::host(text).is_some_and(|_| host_under(text, hosts)),
        C::Cidr(_) => {
            let reading = Reading {
                ip4: normal::ip4(text),
                ip6: normal::ip6(text),
                ..Reading::default()
            };
            constraint.allows(&reading, |_, _| false)
        }
        C::Matches(patterns) => patterns.iter().any(|source| pattern_matches(source, text)),
        _ => false,
    };
    covered.into()
}

/// Whether the text starts with one of `starts`, found in their order and not one by one.
fn starts_in(text: &str, starts: &BTreeSet<String>) -> bool {
    let mut upto = text;
    loop {
        let range = (Bound::Unbounded, Bound::Included(upto));
        let Some(last) = starts.range::<str, _>(range).next_back() else {
            return false;
        };
        if text.starts_with(last.as_str()) {
            return true;
        }
        // Whatever else starts the text is no longer than what the two have in common.
        let common = text
            .char_indices()
            .zip(last.chars())
            .find(|((_, a), b)| a != b)
            .map_or(last.len(), |((at, _), _)| at);
        upto = text.get(..common).unwrap_or_default();
    }
}

fn each<'a>(atoms: impl Iterator<Item = &'a Atom>, test: impl Fn(&Atom) -> Cover) -> Cover {
    let mut all = Cover::Yes;
    for atom in atoms {
        match test(atom) {
            Cover::Yes => {}
            Cover::No => return Cover::No,
            Cover::Undecided => all = Cover::Undecided,
        }
    }
    all
}

/// The values of a constraint that lists its values.
pub(crate) fn values(constraint: &Constraint) -> Option<impl Iterator<Item = &Atom>> {
    let (one, many) = match constraint {
        Constraint::Eq(atom) => (Some(atom), None),
        Constraint::OneOf(atoms) => (None, Some(atoms)),
        _ => return None,
    };
    Some(one.into_iter().chain(many.into_iter().flatten()))
}

/// Whether the constraint speaks about a string other than by listing it.
pub(super) const fn reads_text(constraint: &Constraint) -> bool {
    use Constraint as C;
    matches!(
        constraint,
        C::Prefix(_) | C::PathUnder(_) | C::Url(_) | C::Host(_) | C::Cidr(_) | C::Matches(_)
    )
}

fn under(few: &BTreeSet<String>, many: &BTreeSet<String>) -> bool {
    few.iter().all(|text| {
        work::comparisons(1);
        starts_in(text, many)
    })
}

/// Whether all hosts of one pattern are allowed by `patterns`.
pub(super) fn host_under(pattern: &str, patterns: &BTreeSet<String>) -> bool {
    work::comparisons(1);
    // `.b.org` allows what ends in it, `b.org` itself included.
    let wider = |from: &str| from.starts_with('.') && patterns.contains(from);
    let at = pattern.char_indices().filter(|(_, char)| *char == '.');
    let mut ends = at.filter_map(|(at, _)| pattern.get(at..));
    if ends.any(wider) {
        return true;
    }
    !pattern.starts_with('.') && (patterns.contains(pattern) || wider(&format!(".{pattern}")))
}

/// Whether all addresses of `network` are in `networks`, several of which may share it.
fn network_in(network: Cidr, networks: &BTreeSet<Cidr>) -> bool {
    let wide = |network: Cidr| {
        let four = network
            .v4_range()
            .map(|(low, high)| (4, u128::from(low), u128::from(high)));
        four.or_else(|| network.v6_range().map(|(low, high)| (6, low, high)))
    };
    work::comparisons(networks.len());
    let Some((family, mut next, last)) = wide(network) else {
        return false;
    };
    let mut ranges: Vec<_> = networks
        .iter()
        .filter_map(|network| wide(*network))
        .collect();
    ranges.sort_unstable();
    for (_, low, high) in ranges.into_iter().filter(|(of, ..)| *of == family) {
        if low <= next && next <= high {
            if high >= last {
                return true;
            }
            next = high + 1;
        }
    }
    false
}

fn url_in(few: &UrlPattern, many: &UrlPattern) -> bool {
    fn part<T>(few: Option<&T>, many: Option<&T>, inside: impl Fn(&T, &T) -> bool) -> bool {
        many.is_none_or(|many| few.is_some_and(|few| inside(few, many)))
    }
    // What is not constrained is one of all schemes, and a path under the root.
    let (schemes, root) = (UrlPattern::every_scheme(), BTreeSet::from(["/".to_owned()]));
    part(
        few.schemes.as_ref().or(Some(&schemes)),
        many.schemes.as_ref(),
        BTreeSet::is_subset,
    ) && part(few.ports.as_ref(), many.ports.as_ref(), BTreeSet::is_subset)
        && part(
            few.paths.as_ref().or(Some(&root)),
            many.paths.as_ref(),
            under,
        )
        && part(few.hosts.as_ref(), many.hosts.as_ref(), |few, many| {
            few.iter().all(|host| host_under(host, many))
        })
}
