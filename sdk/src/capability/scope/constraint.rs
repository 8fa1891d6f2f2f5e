//! What one argument may be.
//!
//! A constraint reads an argument through one of its [`Reading`]s; an argument that has no such
//! reading (a number where a path is asked for, a string that is not a path in normal form) does
//! not satisfy it.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use super::plain::{either, hosts, texts};
use crate::capability::value::{
    Atom, AtomSet, Cidr, Decimal, Reading, UrlPattern, host_fault, host_in, normal, pattern_fault,
};

/// What one argument may be; functions make it ([`eq`], [`path_under`], …).
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
    /// The argument is exactly this value.
    Eq(Atom),
    /// The argument is one of these values.
    OneOf(BTreeSet<Atom>),
    /// The argument is a string that starts with one of these. It is not for paths or URLs.
    Prefix(BTreeSet<String>),
    /// The argument is a number between these, both included.
    Range {
        /// The least value, if there is one.
        min: Option<Decimal>,
        /// The greatest value, if there is one.
        max: Option<Decimal>,
    },
    /// The argument is a non-empty array, every element of which is among these.
    SubsetOf(BTreeSet<Atom>),
    /// The argument is an absolute path in normal form that is, or lies under, one of these.
    PathUnder(BTreeSet<String>),
    /// The argument is a URL in normal form whose parts match.
    Url(UrlPattern),
    /// The argument is a host name or address: `a.org` is that host, `.b.org` is `b.org` and every host
    /// under it.
    Host(BTreeSet<String>),
    /// The argument is an IP address inside one of these networks.
    Cidr(BTreeSet<Cidr>),
    /// The argument is a string that one of these regular expressions matches as a whole.
    Matches(BTreeSet<String>),
    /// The argument may be any value, and may be left out.
    Any,
    /// The argument must not be given; this is the same as not listing it.
    Absent,
}

impl Constraint {
    /// Whether an argument with these readings satisfies the constraint.
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

    /// The lists of the constraint, for work that is the same for every kind of list.
    pub(crate) const fn lists(&self) -> Lists<'_> {
        match self {
            Self::Eq(atom) => Lists::One(atom),
            Self::OneOf(set) => Lists::Atoms(set, Self::OneOf),
            Self::SubsetOf(set) => Lists::Atoms(set, Self::SubsetOf),
            Self::Prefix(set) => Lists::Texts(set, Self::Prefix),
            Self::PathUnder(set) => Lists::Texts(set, Self::PathUnder),
            Self::Host(set) => Lists::Texts(set, Self::Host),
            Self::Matches(set) => Lists::Texts(set, Self::Matches),
            Self::Cidr(set) => Lists::Networks(set),
            Self::Url(pattern) => Lists::Url(pattern),
            Self::Range { .. } | Self::Any | Self::Absent => Lists::Nothing,
        }
    }

    /// Whether the constraint speaks about a string other than by listing it.
    pub(crate) const fn reads_text(&self) -> bool {
        match self {
            Self::Prefix(_)
            | Self::PathUnder(_)
            | Self::Url(_)
            | Self::Host(_)
            | Self::Cidr(_)
            | Self::Matches(_) => true,
            Self::Eq(_)
            | Self::OneOf(_)
            | Self::Range { .. }
            | Self::SubsetOf(_)
            | Self::Any
            | Self::Absent => false,
        }
    }

    /// How many values, prefixes, hosts and the like the constraint lists.
    pub(crate) fn values(&self) -> usize {
        match self.lists() {
            Lists::Nothing => 0,
            Lists::One(_) => 1,
            Lists::Atoms(set, _) => set.len(),
            Lists::Texts(set, _) => set.len(),
            Lists::Networks(set) => set.len(),
            Lists::Url(pattern) => {
                let UrlPattern {
                    schemes,
                    hosts,
                    ports,
                    paths,
                } = pattern;
                let sets = [schemes, hosts, paths].into_iter().flatten();
                sets.map(BTreeSet::len).sum::<usize>() + ports.as_ref().map_or(0, BTreeSet::len)
            }
        }
    }

    /// What is wrong with a constraint that no value satisfies.
    pub(super) fn empty_fault(&self) -> Option<String> {
        let upside_down = matches!(
            self,
            Self::Range { min: Some(min), max: Some(max) } if min > max
        );
        let empty = match self.lists() {
            Lists::Nothing | Lists::One(_) => false,
            Lists::Atoms(set, _) => set.is_empty(),
            Lists::Texts(set, _) => set.is_empty(),
            Lists::Networks(set) => set.is_empty(),
            Lists::Url(pattern) => {
                let strings = [&pattern.schemes, &pattern.hosts, &pattern.paths];
                strings.into_iter().flatten().any(BTreeSet::is_empty)
                    || pattern.ports.as_ref().is_some_and(BTreeSet::is_empty)
            }
        };
        (empty || upside_down)
            .then(|| "the constraint allows no value; leave the grant out instead".to_owned())
    }

    /// As [`Constraint::fault`], except for patterns, which the code that compiles them checks.
    pub(crate) fn profile_fault(&self) -> Option<String> {
        match self {
            Self::Matches(_) => None,
            other => other.fault(),
        }
    }

    /// The fault of the constraint as written, for its author.
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

impl Display for Constraint {
    /// What may be, so that it reads on from the name: `is under /srv/docs`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eq(atom) => write!(f, "is {atom:?}"),
            Self::OneOf(set) => write!(f, "is {}", atoms(set)),
            Self::Prefix(set) => write!(f, "starts with {}", texts(set)),
            Self::Range {
                min: Some(min),
                max: Some(max),
            } => write!(f, "is {min} to {max}"),
            Self::Range {
                min: Some(min),
                max: None,
            } => write!(f, "is at least {min}"),
            Self::Range {
                min: None,
                max: Some(max),
            } => write!(f, "is at most {max}"),
            Self::Range {
                min: None,
                max: None,
            } => f.write_str("is a number"),
            Self::SubsetOf(set) => write!(f, "is a list of {}", atoms(set)),
            Self::PathUnder(set) => {
                write!(
                    f,
                    "is under {}",
                    texts(set.iter().map(|root| strip_slash(root)))
                )
            }
            Self::Url(pattern) => pattern.fmt(f),
            Self::Host(set) => write!(f, "is the host {}", hosts(set)),
            Self::Cidr(set) => write!(f, "is an address in {}", either(set)),
            Self::Matches(set) => write!(f, "matches {}", texts(set)),
            Self::Any => f.write_str("is anything"),
            Self::Absent => f.write_str("is not given"),
        }
    }
}

/// The lists of a constraint, and what makes a constraint of the same kind of another such list.
///
/// What counts, weighs, cuts or splits lists asks for these, and so does not name the kinds.
pub(crate) enum Lists<'a> {
    /// No list.
    Nothing,
    /// One value.
    One(&'a Atom),
    /// Values.
    Atoms(&'a BTreeSet<Atom>, fn(BTreeSet<Atom>) -> Constraint),
    /// Prefixes, roots, hosts, patterns.
    Texts(&'a BTreeSet<String>, fn(BTreeSet<String>) -> Constraint),
    /// Networks.
    Networks(&'a BTreeSet<Cidr>),
    /// A list for each part of a URL.
    Url(&'a UrlPattern),
}

fn atoms<'a>(items: impl IntoIterator<Item = &'a Atom>) -> String {
    either(items.into_iter().map(|atom| format!("{atom:?}")))
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
/// An empty path stays empty and is refused later: it does not become the root directory.
pub(super) fn with_slash(mut path: String) -> String {
    if !path.is_empty() && !path.ends_with('/') {
        path.push('/');
    }
    path
}

fn subset(set: &AtomSet, allowed: &BTreeSet<Atom>) -> bool {
    set.iter().all(|atom| allowed.contains(atom))
}

/// The pattern as it is compiled. It is parsed by itself first, so that it cannot escape its group.
pub(crate) fn wrap_pattern(source: &str) -> String {
    format!(r"\A(?:{source})\z")
}
