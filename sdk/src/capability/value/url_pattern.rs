//! What a URL may be, and which hosts a list of hosts allows.

use std::collections::BTreeSet;

use super::normal;

/// What a URL may be. A part that is `None` is not constrained; an empty set allows no URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UrlPattern {
    /// Allowed schemes, in lower case.
    pub schemes: Option<BTreeSet<String>>,
    /// Allowed hosts: `a.org` exactly, `.b.org` for `b.org` and every host under it.
    pub hosts: Option<BTreeSet<String>>,
    /// Allowed ports; a URL without a port has its scheme's default port.
    pub ports: Option<BTreeSet<u16>>,
    /// Allowed path prefixes, each a whole number of segments: `/v1/` allows `/v1` and `/v1/x`.
    pub paths: Option<BTreeSet<String>>,
}

impl UrlPattern {
    /// The schemes of a pattern that does not constrain them.
    pub(crate) fn every_scheme() -> BTreeSet<String> {
        ["http", "https"].map(str::to_owned).into()
    }

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

    /// The fault of the pattern as written, for its author.
    pub(crate) fn fault(&self) -> Option<String> {
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

/// Whether `.host` (with the leading dot of facts) is one of `hosts`, or under one of them.
pub(crate) fn host_in(hosts: &BTreeSet<String>, host: &str) -> bool {
    hosts.iter().any(|pattern| match pattern.starts_with('.') {
        true => host.ends_with(pattern.as_str()),
        false => host.strip_prefix('.') == Some(pattern.as_str()),
    })
}

/// The fault of a host as written, for its author.
pub(crate) fn host_fault(pattern: &str) -> Option<String> {
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
