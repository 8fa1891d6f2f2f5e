//! Functions that make constraints.

use std::collections::BTreeSet;

use super::constraint::{Constraint, with_slash};
use crate::capability::value::{Atom, Cidr, Decimal, UrlPattern};

/// One string or several, for a constraint that takes a list of strings.
pub trait Strings {
    /// The strings.
    fn strings(self) -> BTreeSet<String>;
}

impl Strings for &str {
    fn strings(self) -> BTreeSet<String> {
        BTreeSet::from([self.to_owned()])
    }
}

impl Strings for String {
    fn strings(self) -> BTreeSet<String> {
        BTreeSet::from([self])
    }
}

impl Strings for &String {
    fn strings(self) -> BTreeSet<String> {
        BTreeSet::from([self.clone()])
    }
}

impl<T: Into<String>, const N: usize> Strings for [T; N] {
    fn strings(self) -> BTreeSet<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<T: Into<String>> Strings for Vec<T> {
    fn strings(self) -> BTreeSet<String> {
        self.into_iter().map(Into::into).collect()
    }
}

/// The argument is exactly `value`, type included: `1`, `"1"` and `true` are three values.
#[must_use]
pub fn eq(value: impl Into<Atom>) -> Constraint {
    Constraint::Eq(value.into())
}

/// The argument is one of `values`.
#[must_use]
pub fn one_of<T: Into<Atom>>(values: impl IntoIterator<Item = T>) -> Constraint {
    Constraint::OneOf(values.into_iter().map(Into::into).collect())
}

/// The argument is a string that starts with one of `prefixes`. For paths use [`path_under`], for URLs [`url`].
#[must_use]
pub fn prefix(prefixes: impl Strings) -> Constraint {
    Constraint::Prefix(prefixes.strings())
}

/// The argument is a number of at least `min` and at most `max`.
#[must_use]
pub fn range(min: impl Into<Decimal>, max: impl Into<Decimal>) -> Constraint {
    Constraint::Range {
        min: Some(min.into()),
        max: Some(max.into()),
    }
}

/// The argument is a number of at most `max`. Negative numbers pass; use [`range`] to exclude them.
#[must_use]
pub fn at_most(max: impl Into<Decimal>) -> Constraint {
    Constraint::Range {
        min: None,
        max: Some(max.into()),
    }
}

/// The argument is a number of at least `min`.
#[must_use]
pub fn at_least(min: impl Into<Decimal>) -> Constraint {
    Constraint::Range {
        min: Some(min.into()),
        max: None,
    }
}

/// The argument is a non-empty array, every element of which is among `values`.
#[must_use]
pub fn subset_of<T: Into<Atom>>(values: impl IntoIterator<Item = T>) -> Constraint {
    Constraint::SubsetOf(values.into_iter().map(Into::into).collect())
}

/// The argument is an absolute path that is, or lies under, one of `roots`, by whole segments.
#[must_use]
pub fn path_under(roots: impl Strings) -> Constraint {
    Constraint::PathUnder(roots.strings().into_iter().map(with_slash).collect())
}

/// The argument is a URL whose parts match `pattern`.
#[must_use]
pub fn url(pattern: UrlPattern) -> Constraint {
    Constraint::Url(pattern)
}

/// The argument is a host: `a.org` exactly, `.b.org` for `b.org` and every host under it.
#[must_use]
pub fn host(hosts: impl Strings) -> Constraint {
    Constraint::Host(hosts.strings())
}

/// The argument is an IP address inside one of `networks`.
#[must_use]
pub fn cidr(networks: impl IntoIterator<Item = Cidr>) -> Constraint {
    Constraint::Cidr(networks.into_iter().collect())
}

/// The argument is a string that one of `patterns` (syntax of the `regex` crate) matches as a whole.
#[must_use]
pub fn matches(patterns: impl Strings) -> Constraint {
    Constraint::Matches(patterns.strings())
}

/// The argument may be any value, and may be left out.
#[must_use]
pub const fn any() -> Constraint {
    Constraint::Any
}

/// The argument must not be given. This is the same as not listing it, except for the arguments of
/// `agent.spawn`, which are free if a grant does not list them.
#[must_use]
pub const fn absent() -> Constraint {
    Constraint::Absent
}

impl UrlPattern {
    /// URLs with `scheme` on one of `hosts`, any port and path.
    #[must_use]
    pub fn new(scheme: impl Strings, hosts: impl Strings) -> Self {
        Self {
            schemes: Some(scheme.strings()),
            hosts: Some(hosts.strings()),
            ports: None,
            paths: None,
        }
    }

    /// Allows only these ports.
    #[must_use]
    pub fn ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports = Some(ports.into_iter().collect());
        self
    }

    /// Allows only paths that are, or lie under, one of these.
    #[must_use]
    pub fn paths(mut self, paths: impl Strings) -> Self {
        self.paths = Some(paths.strings().into_iter().map(with_slash).collect());
        self
    }
}
