//! Whether one constraint allows no more than another.

#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::Bound;

use crate::capability::scope::{Constraint, strip_slash};
use crate::capability::value::{Atom, Cidr, Reading, UrlPattern, normal, pattern_matches};
use crate::capability::work;

/// The answer to "does the parent allow all that the child allows?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// Yes, certainly.
    Yes,
    /// No: the child allows some value that the parent does not.
    No,
    /// Not known, which is treated as no.
    Undecided,
}

impl From<bool> for Cover {
    fn from(covered: bool) -> Self {
        if covered { Self::Yes } else { Self::No }
    }
}

/// Whether `parent` allows all that `child` allows, for an argument that is given.
///
/// `Yes` is certain. `Undecided` is the answer for two constraints that read one string in two ways, if
/// one of them is a pattern.
pub(super) fn cover(child: &Constraint, parent: &Constraint) -> Cover {
    use Constraint as C;
    if let Some(values) = values(child) {
        return each(values, |atom| satisfies(atom, parent));
    }
    work::comparisons(match child {
        C::SubsetOf(few) => few.len(),
        C::Matches(few) => few.len(),
        _ => 1,
    });
    match (child, parent) {
        // A host has only one accepted spelling, so exact hosts are a list of strings.
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
        // A range of one value; a wider range holds more values than a list ever has.
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
        (_, C::Prefix(prefixes)) if child.reads_text() && prefixes.contains("") => Cover::Yes,
        // A string is under a root if it is the root without its slash, or continues after the slash.
        (C::PathUnder(roots), C::Prefix(prefixes)) => roots
            .iter()
            .all(|root| {
                work::comparisons(1);
                starts_in(strip_slash(root), prefixes)
            })
            .into(),
        // Some string with that beginning is not a path, URL, host or address.
        (C::Prefix(_), C::PathUnder(_) | C::Url(_) | C::Host(_) | C::Cidr(_)) => Cover::No,
        (C::Host(few), C::Host(many)) => few.iter().all(|host| host_under(host, many)).into(),
        (C::Cidr(few), C::Cidr(many)) => networks_in(few, many).into(),
        (C::Url(few), C::Url(many)) => url_in(few, many).into(),
        (C::Matches(few), C::Matches(many)) if few.is_subset(many) => Cover::Yes,
        // A list of strings against finitely many strings, or against a number that is not known.
        (C::Host(_) | C::Cidr(_) | C::Matches(_), C::Eq(_) | C::OneOf(_)) => Cover::Undecided,
        _ if child.reads_text() && parent.reads_text() => Cover::Undecided,
        // The child allows any value, the parent allows none, or the two are of different types.
        _ => Cover::No,
    }
}

/// Whether the argument `atom` satisfies `constraint`; undecided if only the hash of the value is known.
pub(super) fn satisfies(atom: &Atom, constraint: &Constraint) -> Cover {
    Listed::new(atom).satisfies(constraint)
}

/// A value of a list, with its readings: each reading is made once, however many constraints need it.
pub(super) struct Listed<'a> {
    pub(super) atom: &'a Atom,
    path: OnceCell<Option<String>>,
    url: OnceCell<Option<normal::UrlParts>>,
    is_host: OnceCell<bool>,
    addresses: OnceCell<(Option<u32>, Option<u128>)>,
}

impl<'a> Listed<'a> {
    pub(super) const fn new(atom: &'a Atom) -> Self {
        Self {
            atom,
            path: OnceCell::new(),
            url: OnceCell::new(),
            is_host: OnceCell::new(),
            addresses: OnceCell::new(),
        }
    }

    /// As [`satisfies`].
    pub(crate) fn satisfies(&self, constraint: &Constraint) -> Cover {
        use Constraint as C;
        work::comparisons(1);
        let atom = self.atom;
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
            C::PathUnder(roots) => {
                let path = self.path.get_or_init(|| normal::path(text));
                path.as_deref().is_some_and(|path| starts_in(path, roots))
            }
            C::Url(pattern) => {
                let url = self.url.get_or_init(|| normal::url(text));
                url.as_ref().is_some_and(|url| pattern.allows(url))
            }
            C::Host(hosts) => {
                let is_host = || normal::host(text).is_some();
                *self.is_host.get_or_init(is_host) && host_under(text, hosts)
            }
            C::Cidr(_) => {
                let addresses = || (normal::ip4(text), normal::ip6(text));
                let (ip4, ip6) = *self.addresses.get_or_init(addresses);
                let reading = Reading {
                    ip4,
                    ip6,
                    ..Reading::default()
                };
                constraint.allows(&reading, |_, _| false)
            }
            C::Matches(patterns) => patterns.iter().any(|source| pattern_matches(source, text)),
            C::Eq(_) | C::OneOf(_) | C::Range { .. } | C::SubsetOf(_) | C::Any | C::Absent => false,
        };
        covered.into()
    }
}

/// Whether the text starts with one of `starts`, found by lookups in their order and not one by one.
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
        // Any other prefix of the text is no longer than the common prefix of the two.
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

fn under(few: &BTreeSet<String>, many: &BTreeSet<String>) -> bool {
    few.iter().all(|text| {
        work::comparisons(1);
        starts_in(text, many)
    })
}

/// Whether `patterns` allow all hosts of one pattern.
pub(super) fn host_under(pattern: &str, patterns: &BTreeSet<String>) -> bool {
    work::comparisons(1);
    // `.b.org` allows every host that ends in it, and `b.org` itself.
    let wider = |from: &str| from.starts_with('.') && patterns.contains(from);
    let at = pattern.char_indices().filter(|(_, char)| *char == '.');
    let mut ends = at.filter_map(|(at, _)| pattern.get(at..));
    if ends.any(wider) {
        return true;
    }
    !pattern.starts_with('.') && (patterns.contains(pattern) || wider(&format!(".{pattern}")))
}

/// Whether all addresses of `few` are in `many`, several of which may share a network.
fn networks_in(few: &BTreeSet<Cidr>, many: &BTreeSet<Cidr>) -> bool {
    work::comparisons(few.len() + many.len());
    // The networks are in the order of their first addresses, IPv4 first; neighbours are joined.
    let mut joined: Vec<(u8, u128, u128)> = Vec::new();
    let mut ranges: Vec<_> = many.iter().map(|network| wide(*network)).collect();
    ranges.sort_unstable();
    for (family, low, high) in ranges {
        match joined.last_mut() {
            Some((of, _, last)) if *of == family && low <= last.saturating_add(1) => {
                *last = high.max(*last);
            }
            _ => joined.push((family, low, high)),
        }
    }
    few.iter().all(|network| {
        let (family, low, high) = wide(*network);
        let after = joined.partition_point(|range| (range.0, range.1) <= (family, low));
        let before = after.checked_sub(1).and_then(|index| joined.get(index));
        before.is_some_and(|(of, _, last)| *of == family && high <= *last)
    })
}

/// The family, the first and the last address of a network.
fn wide(network: Cidr) -> (u8, u128, u128) {
    let four = network
        .v4_range()
        .map(|(low, high)| (4, u128::from(low), u128::from(high)));
    let six = || network.v6_range().map(|(low, high)| (6, low, high));
    four.or_else(six).unwrap_or((0, 0, 0))
}

fn url_in(few: &UrlPattern, many: &UrlPattern) -> bool {
    fn part<T>(few: Option<&T>, many: Option<&T>, inside: impl Fn(&T, &T) -> bool) -> bool {
        many.is_none_or(|many| few.is_some_and(|few| inside(few, many)))
    }
    // A part that is not constrained is one of all schemes, or a path under the root.
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
