//! What one argument may be.
//!
//! A constraint reads an argument through one of its [`Reading`]s; an argument that has no such
//! reading (a number where a path is asked for, a string that is not a path in normal form) does
//! not satisfy it.

use std::collections::BTreeSet;
use std::fmt;

use super::call::{Atom, AtomSet, Reading};
use super::decimal::Decimal;
use super::normal;

/// The longest pattern of [`matches`], in bytes.
pub(crate) const MAX_PATTERN_BYTES: usize = 256;
/// The largest compiled size of one pattern, in bytes.
pub(crate) const MAX_PATTERN_COMPILED: usize = 64 * 1024;

/// What one argument may be. Made by the functions of this module ([`eq`], [`path_under`], …).
///
/// Values are kept as given and checked when the scope is made absolute ([`Scope::at`]); sets are
/// sorted and without repetition, so two equal constraints are written alike.
///
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

/// What a URL may be. A part that is `None` is not constrained; an empty set allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UrlPattern {
    /// Allowed schemes, in lower case.
    pub schemes: Option<BTreeSet<String>>,
    /// Allowed hosts: `a.org` exactly, `.b.org` for `b.org` and every host under it.
    pub hosts: Option<BTreeSet<String>>,
    /// Allowed ports; a URL that names none has its scheme's default.
    pub ports: Option<BTreeSet<u16>>,
    /// Allowed path prefixes, each a whole number of segments: `/v1/` allows `/v1` and `/v1/x`.
    pub paths: Option<BTreeSet<String>>,
}

/// A network in CIDR notation (RFC 4632, RFC 4291), its host bits zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cidr {
    /// An IPv4 network.
    V4 {
        /// The first address.
        first: u32,
        /// The prefix length, 0 to 32.
        len: u8,
    },
    /// An IPv6 network.
    V6 {
        /// The first address.
        first: u128,
        /// The prefix length, 0 to 128.
        len: u8,
    },
}

impl Cidr {
    /// The first and the last address as an IPv4 pair.
    pub(crate) fn v4_range(self) -> Option<(u32, u32)> {
        match self {
            Self::V4 { first, len } => {
                let hosts = u32::MAX.checked_shr(u32::from(len)).unwrap_or(0);
                Some((first, first | hosts))
            }
            Self::V6 { .. } => None,
        }
    }

    /// The first and the last address as an IPv6 pair.
    pub(crate) fn v6_range(self) -> Option<(u128, u128)> {
        match self {
            Self::V6 { first, len } => {
                let hosts = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
                Some((first, first | hosts))
            }
            Self::V4 { .. } => None,
        }
    }

    /// The network of `len` bits that starts at `first`; `None` where the bits do not fit.
    pub(crate) fn v4(first: u32, len: u8) -> Option<Self> {
        let hosts = u32::MAX.checked_shr(u32::from(len)).unwrap_or(0);
        (len <= 32 && first & hosts == 0).then_some(Self::V4 { first, len })
    }

    /// The network of `len` bits that starts at `first`; `None` where the bits do not fit.
    pub(crate) fn v6(first: u128, len: u8) -> Option<Self> {
        let hosts = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
        (len <= 128 && first & hosts == 0).then_some(Self::V6 { first, len })
    }
}

impl std::str::FromStr for Cidr {
    type Err = String;

    /// Reads `10.0.0.0/8` or `2001:db8::/32`; a single address is its own network.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a network such as `10.0.0.0/8` or `2001:db8::/32`, with its host bits zero"
            )
        };
        let (address, len) = match text.split_once('/') {
            Some((address, len)) if len == "0" || !len.starts_with(['0', '+']) => {
                (address, Some(len.parse::<u8>().map_err(|_| wrong())?))
            }
            Some(_) => return Err(wrong()),
            None => (text, None),
        };
        if let Some(first) = normal::ip4(address) {
            return Self::v4(first, len.unwrap_or(32)).ok_or_else(wrong);
        }
        if let Some(first) = normal::ip6(address) {
            return Self::v6(first, len.unwrap_or(128)).ok_or_else(wrong);
        }
        Err(wrong())
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4 { first, len } => write!(f, "{}/{len}", std::net::Ipv4Addr::from(first)),
            Self::V6 { first, len } => write!(f, "{}/{len}", std::net::Ipv6Addr::from(first)),
        }
    }
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
                .find(|root| !(root.ends_with('/') && normal::path(strip_slash(root)).is_some()))
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

fn subset(set: &AtomSet, allowed: &BTreeSet<Atom>) -> bool {
    set.iter().all(|atom| allowed.contains(atom))
}

/// Whether `.host` (with the leading dot of facts) is one of `hosts` or under one of them.
pub(crate) fn host_in(hosts: &BTreeSet<String>, host: &str) -> bool {
    hosts.iter().any(|pattern| match pattern.starts_with('.') {
        true => host.ends_with(pattern.as_str()),
        false => host.strip_prefix('.') == Some(pattern.as_str()),
    })
}

fn host_fault(pattern: &str) -> Option<String> {
    let (name, under) = match pattern.strip_prefix('.') {
        Some(name) => (name, true),
        None => (pattern, false),
    };
    let fine = match normal::host(name) {
        Some(_) if under => normal::ip4(name).is_none() && !name.starts_with('['),
        Some(_) => true,
        None => false,
    };
    (!fine).then(|| {
        format!("`{pattern}` is not a host such as `a.org` (exactly) or `.b.org` (it and all under it), in lower case and without a trailing dot")
    })
}

/// The pattern as it is compiled: parsed alone first, so that it cannot escape its group.
pub(crate) fn wrap_pattern(source: &str) -> String {
    format!(r"\A(?:{source})\z")
}

/// Compiles a pattern of [`Constraint::Matches`], to match whole strings, within the limits of the
/// profile.
pub(crate) fn compile_pattern(source: &str) -> Result<regex::Regex, String> {
    if source.len() > MAX_PATTERN_BYTES {
        return Err(format!(
            "a pattern has at most {MAX_PATTERN_BYTES} bytes, this one {}",
            source.len()
        ));
    }
    let build = |text: &str| {
        regex::RegexBuilder::new(text)
            .size_limit(MAX_PATTERN_COMPILED)
            .build()
    };
    build(source)
        .and_then(|_| build(&wrap_pattern(source)))
        .map_err(|error| format!("`{source}` is not a usable regular expression: {error}"))
}

fn pattern_fault(source: &str) -> Option<String> {
    compile_pattern(source).err()
}

impl UrlPattern {
    pub(crate) fn allows(&self, url: &normal::UrlParts) -> bool {
        self.schemes
            .as_ref()
            .is_none_or(|set| set.contains(&url.scheme))
            && self
                .hosts
                .as_ref()
                .is_none_or(|set| host_in(set, &url.host))
            && self
                .ports
                .as_ref()
                .is_none_or(|set| set.contains(&url.port))
            && self
                .paths
                .as_ref()
                .is_none_or(|set| set.iter().any(|path| url.path.starts_with(path.as_str())))
    }

    fn fault(&self) -> Option<String> {
        let scheme = |set: &BTreeSet<String>| {
            set.iter()
                .find(|scheme| !matches!(scheme.as_str(), "http" | "https"))
                .map(|scheme| {
                    format!("`{scheme}` is not a scheme that can be granted: `http` or `https`")
                })
        };
        let path = |set: &BTreeSet<String>| {
            set.iter()
                .find(|path| !(path.ends_with('/') && normal::url_path(path)))
                .map(|path| format!("`{path}` is not a URL path in normal form such as `/v1/`"))
        };
        let nothing = self.schemes.is_none()
            && self.hosts.is_none()
            && self.ports.is_none()
            && self.paths.is_none();
        if nothing {
            return Some(
                "`url` needs at least one of `schemes`, `hosts`, `ports`, `paths`".to_owned(),
            );
        }
        (self.schemes.as_ref().and_then(scheme))
            .or_else(|| {
                self.hosts
                    .as_ref()
                    .and_then(|set| set.iter().find_map(|host| host_fault(host)))
            })
            .or_else(|| self.paths.as_ref().and_then(path))
    }
}

/// One string or several, wherever a constraint takes a list of them.
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

/// Exactly `value`, type included: `1`, `"1"` and `true` are three values.
#[must_use]
pub fn eq(value: impl Into<Atom>) -> Constraint {
    Constraint::Eq(value.into())
}

/// One of `values`.
#[must_use]
pub fn one_of<T: Into<Atom>>(values: impl IntoIterator<Item = T>) -> Constraint {
    Constraint::OneOf(values.into_iter().map(Into::into).collect())
}

/// A string that starts with one of `prefixes`. For paths use [`path_under`], for URLs [`url`].
#[must_use]
pub fn prefix(prefixes: impl Strings) -> Constraint {
    Constraint::Prefix(prefixes.strings())
}

/// A number of at least `min` and at most `max`.
#[must_use]
pub fn range(min: impl Into<Decimal>, max: impl Into<Decimal>) -> Constraint {
    Constraint::Range {
        min: Some(min.into()),
        max: Some(max.into()),
    }
}

/// A number of at most `max`. Negative numbers pass: use [`range`] where they must not.
#[must_use]
pub fn at_most(max: impl Into<Decimal>) -> Constraint {
    Constraint::Range {
        min: None,
        max: Some(max.into()),
    }
}

/// A number of at least `min`.
#[must_use]
pub fn at_least(min: impl Into<Decimal>) -> Constraint {
    Constraint::Range {
        min: Some(min.into()),
        max: None,
    }
}

/// A non-empty array, every element of which is among `values`.
#[must_use]
pub fn subset_of<T: Into<Atom>>(values: impl IntoIterator<Item = T>) -> Constraint {
    Constraint::SubsetOf(values.into_iter().map(Into::into).collect())
}

/// An absolute path that is, or lies under, one of `roots`, by whole segments.
#[must_use]
pub fn path_under(roots: impl Strings) -> Constraint {
    Constraint::PathUnder(roots.strings().into_iter().map(with_slash).collect())
}

/// A URL whose parts match `pattern`.
#[must_use]
pub fn url(pattern: UrlPattern) -> Constraint {
    Constraint::Url(pattern)
}

/// A host: `a.org` exactly, `.b.org` for `b.org` and every host under it.
#[must_use]
pub fn host(hosts: impl Strings) -> Constraint {
    Constraint::Host(hosts.strings())
}

/// An IP address inside one of `networks`.
#[must_use]
pub fn cidr(networks: impl IntoIterator<Item = Cidr>) -> Constraint {
    Constraint::Cidr(networks.into_iter().collect())
}

/// A string that one of `patterns` (syntax of the `regex` crate) matches as a whole.
#[must_use]
pub fn matches(patterns: impl Strings) -> Constraint {
    Constraint::Matches(patterns.strings())
}

/// Anything; the argument may be left out.
#[must_use]
pub const fn any() -> Constraint {
    Constraint::Any
}

/// Not given: the same as not listing the argument.
#[must_use]
pub const fn absent() -> Constraint {
    Constraint::Absent
}

/// `path` with a trailing slash, as roots are kept.
pub(crate) fn with_slash(mut path: String) -> String {
    if !path.ends_with('/') {
        path.push('/');
    }
    path
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

    /// Only these ports.
    #[must_use]
    pub fn ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports = Some(ports.into_iter().collect());
        self
    }

    /// Only paths that are, or lie under, one of these.
    #[must_use]
    pub fn paths(mut self, paths: impl Strings) -> Self {
        self.paths = Some(paths.strings().into_iter().map(with_slash).collect());
        self
    }
}
