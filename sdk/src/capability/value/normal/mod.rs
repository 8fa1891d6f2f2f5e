//! Recognisers of normal forms: of paths, URLs, hosts and addresses.
//!
//! A text counts as one of these only if it already is in normal form. Nothing is repaired: a repair
//! may differ from that of the next reader, and then the text that was checked is not the text that is
//! opened.

use std::net::{Ipv4Addr, Ipv6Addr};

mod escapes;
mod idn;

/// The longest path or URL, in bytes.
const MAX_BYTES: usize = 4096;

/// The parts of a URL in normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlParts {
    /// `http` or `https`.
    pub scheme: String,
    /// The host with a leading dot: `.a.org`, `.10.0.0.1`, `.[::1]`.
    pub host: String,
    /// The port that is named, or the scheme's default.
    pub port: u16,
    /// The path with a trailing slash, without the query.
    pub path: String,
}

/// An absolute Unix path in normal form, with a trailing slash added: `/srv/src` to `/srv/src/`.
///
/// These are refused: `.`, `..` and empty components, a trailing slash, backslashes, control and hidden
/// characters, look-alikes of `.`, `/` and `\`, and escapes such as `%2e` that a later reader could
/// decode to one of these, or to the name `..` with a space. Other Unicode is compared byte by byte.
#[must_use]
pub(crate) fn path(text: &str) -> Option<String> {
    let components = text.strip_prefix('/')?;
    if text.len() > MAX_BYTES || text.contains(misleading) || !escapes::plain(text) {
        return None;
    }
    if components.is_empty() {
        return Some("/".to_owned());
    }
    let fine = components
        .split('/')
        .all(|name| !matches!(name, "" | "." | ".."));
    fine.then(|| format!("{text}/"))
}

/// Whether a character changes how a path is read, or may be folded by a reader into one that does.
#[inline]
fn misleading(char: char) -> bool {
    match char.is_ascii() {
        true => char == '\\' || char.is_ascii_control(),
        false => misleading_beyond_ascii(char),
    }
}

fn misleading_beyond_ascii(char: char) -> bool {
    matches!(
        char,
        // Dots: leaders, ellipses, small and full width.
        '\u{2024}'
            ..='\u{2026}' | '\u{fe19}' | '\u{fe30}' | '\u{fe52}' | '\u{ff0e}'
        // Slashes and backslashes, and letters that compatibility forms spell with a slash.
        | '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{2571}' | '\u{2572}' | '\u{27cb}' | '\u{27cd}'
        | '\u{29f5}' | '\u{29f8}' | '\u{29f9}' | '\u{fe68}' | '\u{ff0f}' | '\u{ff3c}'
        | '\u{2100}' | '\u{2101}' | '\u{2105}' | '\u{2106}'
    ) || crate::text::is_misleading(char)
}

/// The parts of an `http` or `https` URL, when it is exactly as the WHATWG parser writes it.
///
/// An apostrophe in the query may stand for itself. That parser writes it `%27`, so it is sent in that
/// form, and no reader of a query treats the two as different.
///
/// Besides texts that the parser would rewrite, these are refused: userinfo, a fragment, and a path that
/// leads up for some reader ([`escapes::segments`]). A server that decodes `%2F`, or takes `//` for `/`,
/// finds the URL under the same decoded paths as one that does not, so both are in normal form. The
/// query must be in normal form and is otherwise free.
#[must_use]
pub(crate) fn url(text: &str) -> Option<UrlParts> {
    let (scheme, rest) = text.split_once("://")?;
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let plain = rest
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'#' | b'<' | b'>'));
    if text.len() > MAX_BYTES || !plain {
        return None;
    }
    let (authority, location) = rest.split_at_checked(rest.find('/')?)?;
    let (path, _) = location.split_once('?').unwrap_or((location, ""));
    if !segments(path) {
        return None;
    }
    // The colons of an IPv6 address stand before its bracket.
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, digits)) if !digits.ends_with(']') => (name, explicit(digits, default)?),
        _ => (authority, default),
    };
    let host = host(name)?;
    let slash = if path.ends_with('/') { "" } else { "/" };
    Some(UrlParts {
        scheme: scheme.to_owned(),
        host,
        port,
        path: format!("{path}{slash}"),
    })
}

/// A port that is spelled out in normal form and is not the default.
fn explicit(digits: &str, default: u16) -> Option<u16> {
    let normal = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .parse()
        .ok()
        .filter(|port| normal && *port != default)
}

/// Whether a text is a URL path in normal form that ends in a slash, such as `/v1/`.
#[must_use]
pub(super) fn url_path(text: &str) -> bool {
    text.len() <= MAX_BYTES && text.ends_with('/') && segments(text)
}

/// Whether a text is a URL path in normal form, with or without a trailing slash.
fn segments(path: &str) -> bool {
    let allowed = path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%|[]".contains(&byte));
    path.starts_with('/') && allowed && escapes::segments(path)
}

/// A host in normal form, with a leading dot added: a DNS name in lower-case ASCII, a dotted IPv4
/// address, or an IPv6 address in brackets.
///
/// An internationalised name is written in Punycode. Of those only labels of lower-case Latin, Greek,
/// Cyrillic, Armenian and Georgian letters, of Hebrew, Arabic, Devanagari and Thai, kana, common Han
/// characters and Hangul are recognised, which every version of the Unicode tables reads alike; others
/// are refused. Where one label is written from right to left, the others keep the rules of such names
/// (RFC 5893).
#[must_use]
pub(crate) fn host(text: &str) -> Option<String> {
    let normal = match text.strip_prefix('[') {
        Some(rest) => ip6(rest.strip_suffix(']')?).is_some(),
        None => name(text) || ip4(text).is_some(),
    };
    normal.then(|| format!(".{text}"))
}

/// Whether a text is a DNS name in normal form that no reader takes for an IPv4 address.
fn name(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    let mut labels = text.split('.');
    let fine = text.len() <= 253 && !numeric(last) && labels.clone().all(label);
    fine && (!labels.clone().any(idn::right_to_left) || labels.all(idn::beside_right_to_left))
}

/// Whether the WHATWG parser takes a host that ends in this label for an IPv4 address.
fn numeric(label: &str) -> bool {
    let hex = label
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || label.bytes().all(|byte| byte.is_ascii_digit())
}

fn label(label: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    let shape = (1..=63).contains(&label.len()) && label.bytes().all(plain);
    let hyphen = label.starts_with('-') || label.ends_with('-');
    shape && !hyphen && label.strip_prefix("xn--").is_none_or(idn::normal)
}

/// A dotted IPv4 address in normal form.
#[must_use]
pub(crate) fn ip4(text: &str) -> Option<u32> {
    let candidate = text.len() <= 15 && text.starts_with(|char: char| char.is_ascii_digit());
    let address: Ipv4Addr = candidate.then(|| text.parse().ok())??;
    (address.to_string() == text).then_some(address.into())
}

/// An IPv6 address as RFC 5952 writes it, without brackets.
///
/// Other spellings of an IPv4 address are refused: `::ffff:a.b.c.d` and the deprecated `::a.b.c.d`.
#[must_use]
pub(crate) fn ip6(text: &str) -> Option<u128> {
    let candidate = text.len() <= 39 && text.contains(':');
    let address: Ipv6Addr = candidate.then(|| text.parse().ok())??;
    let bits = u128::from(address);
    let ip4 = matches!(bits >> 32, 0xffff) || (2..=u128::from(u32::MAX)).contains(&bits);
    (!ip4 && address.to_string() == text).then_some(bits)
}

#[cfg(test)]
mod tests;
