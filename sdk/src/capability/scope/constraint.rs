//! What one argument may be.
//!
//! A constraint reads an argument through one of its [`Reading`]s; an argument that has no such
//! reading (a number where a path is asked for, a string that is not a path in normal form) does
//! not satisfy it.

use std::collections::BTreeSet;

use crate::capability::value::{
    Atom, AtomSet, Cidr, Decimal, Reading, UrlPattern, host_fault, host_in, normal, pattern_fault,
};

/// What one argument may be. Made by functions ([`eq`], [`path_under`], …).
///
/// Values are kept as given and checked when the scope is made absolute ([`Scope::at`]); sets are
/// sorted and without repetition, so two equal constraints are written alike.
///
/// [`eq`]: super::eq
/// [`path_under`]: super::path_under
/// [`Scope::at`]: super::Scope::at
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Constraint {
    /// Exactly this value.
    Eq(Atom),
    /// One of these values.
    OneOf(BTreeSet<Atom>),
    /// A string that starts with one of these. Not for paths or URLs.
    Prefix(BTreeSet<String>),
    /// A number between these, both included.
    Range {
        /// The least value, when there is one.
        min: Option<Decimal>,
        /// The greatest value, when there is one.
        max: Option<Decimal>,
    },
    /// A non-empty array, every element of which is among these.
    SubsetOf(BTreeSet<Atom>),
    /// An absolute path in normal form that is, or lies under, one of these.
    PathUnder(BTreeSet<String>),
    /// A URL in normal form whose parts match.
    Url(UrlPattern),
    /// A host name or address: `a.org` is that host, `.b.org` is `b.org` and every host under it.
    Host(BTreeSet<String>),
    /// An IP address inside one of these networks.
    Cidr(BTreeSet<Cidr>),
    /// A string that one of these regular expressions matches as a whole.
    Matches(BTreeSet<String>),
    /// Anything; the argument may be left out.
    Any,
    /// The argument must not be given: the same as not listing it.
    Absent,
}

impl Constraint {
    /// Whether an argument with these readings satisfies the constraint, patterns apart.
    ///
    /// `pattern` says whether a string matches a pattern of [`Constraint::Matches`]; the caller
    /// holds them compiled.
    pub(crate) fn allows(&self, reading: &Reading, pattern: impl Fn(&str, &str) -> bool) -> bool {
        match self {
            Self::Eq(atom) => reading.is(atom),
            Self::OneOf(atoms) => atoms.iter().any(|atom| reading.is(atom)),
            Self::Prefix(prefixes) => reading.str.as_deref().is_some_and(|text| {
                prefixes
                    .iter()
                    .any(|prefix| text.starts_with(prefix.as_str()))
            }),
            Self::Range { min, max } => reading.num.is_some_and(|number| {
                min.is_none_or(|min| min <= number) && max.is_none_or(|max| number <= max)
            }),
            Self::SubsetOf(allowed) => reading.set.as_ref().is_some_and(|set| subset(set, allowed)),
            Self::PathUnder(roots) => reading
                .path
                .as_deref()
                .is_some_and(|path| roots.iter().any(|root| path.starts_with(root.as_str()))),
            Self::Url(pattern) => reading.url.as_ref().is_some_and(|url| pattern.allows(url)),
            Self::Host(hosts) => reading
                .host
                .as_deref()
                .is_some_and(|host| host_in(hosts, host)),
            Self::Cidr(networks) => networks.iter().any(|network| {
                let inside4 = |(low, high)| reading.ip4.is_some_and(|ip| low <= ip && ip <= high);
                let inside6 = |(low, high)| reading.ip6.is_some_and(|ip| low <= ip && ip <= high);
                network.v4_range().is_some_and(inside4) || network.v6_range().is_some_and(inside6)
            }),
            Self::Matches(patterns) => reading
                .str
                .as_deref()
                .is_some_and(|text| patterns.iter().any(|source| pattern(source, text))),
            Self::Any => true,
            Self::Absent => false,
        }
    }

    /// How many values, prefixes, hosts and the like it lists.
    pub(crate) fn values(&self) -> usize {
        match self {
            Self::Eq(_) => 1,
            Self::OneOf(set) | Self::SubsetOf(set) => set.len(),
            Self::Prefix(set) | Self::PathUnder(set) | Self::Host(set) | Self::Matches(set) => {
                set.len()
            }
            Self::Cidr(set) => set.len(),
            Self::Url(UrlPattern {
                schemes,
                hosts,
                ports,
                paths,
            }) => {
                let sets = [schemes, hosts, paths].into_iter().flatten();
                sets.map(BTreeSet::len).sum::<usize>() + ports.as_ref().map_or(0, BTreeSet::len)
            }
            Self::Range { .. } | Self::Any | Self::Absent => 0,
        }
    }

    /// As [`Constraint::fault`] but for patterns, which whoever compiles them judges.
    pub(crate) fn profile_fault(&self) -> Option<String> {
        match self {
            Self::Matches(_) => None,
            other => other.fault(),
        }
    }

    /// What is wrong with the constraint as written, for its author.
    pub(crate) fn fault(&self) -> Option<String> {
        match self {
            Self::Range { min: None, max: None } => {
                Some("`range` needs `min`, `max` or both".to_owned())
            }
            Self::PathUnder(roots) => roots
                .iter()
                .find(|root| normal::path(strip_slash(root)).as_ref() != Some(root))
                .map(|root| format!("`{root}` is not an absolute path in normal form (no `.`, `..`, `//`, backslash or control character)")),
            Self::Url(pattern) => pattern.fault(),
            Self::Host(hosts) => hosts.iter().find_map(|host| host_fault(host)),
            Self::Matches(patterns) => patterns.iter().find_map(|source| pattern_fault(source)),
            _ => None,
        }
    }
}

/// `/a/b/` to `/a/b`, and `/` to itself.
pub(crate) fn strip_slash(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(rest) => rest,
    }
}

/// `path` with a trailing slash, as roots are kept.
///
/// Nothing stays nothing, which is refused later: it is not the root of everything.
pub(super) fn with_slash(mut path: String) -> String {
    if !path.is_empty() && !path.ends_with('/') {
        path.push('/');
    }
    path
}

fn subset(set: &AtomSet, allowed: &BTreeSet<Atom>) -> bool {
    set.iter().all(|atom| allowed.contains(atom))
}

/// The pattern as it is compiled: parsed alone first, so that it cannot escape its group.
pub(crate) fn wrap_pattern(source: &str) -> String {
    format!(r"\A(?:{source})\z")
}
