//! What counts as a path, a URL, a host, an address or a network: only what is in normal form, and
//! read as the WHATWG parser and the standard library read it. A constraint allows what a plain
//! definition of it allows.
//!
//! The first line is what a constraint is made of, the rest is the argument.

#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};

use bailiwick::capability::{
    Call, Cidr, Constraint, Facts, Grant, KeyRing, Mandate, Scope, cidr, host, path_under,
    stock_facts,
};
use bailiwick_fuzz::block_kind::{keys, now, root};
use bailiwick_fuzz::worst::within;
use bailiwick_integration_tests::forge;
use biscuit_auth::builder::{Fact, Term};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use url::{Host, Url};

/// The readings of one text, as a verifier gets them.
#[derive(Default, Debug)]
struct Read {
    path: Option<String>,
    url: Option<(String, String, u16, String)>,
    host: Option<String>,
    ip4: Option<u32>,
    ip6: Option<u128>,
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (pattern, text) = text.split_once('\n').unwrap_or(("", text));
    let call = call(text);
    let read = readings(&call, text);
    path(text, &read);
    whole_url(text, &read);
    name(text, &read);
    addresses(text, &read);
    for text in [pattern, text] {
        network(text);
    }
    allows(
        &call,
        path_under(pattern),
        path_allows(pattern, text, &read),
    );
    allows(&call, host(pattern), host_allows(pattern, text, &read));
    if let Ok(known) = pattern.parse::<Cidr>() {
        allows(&call, cidr([known]), Some(cidr_allows(pattern, &read)));
    }
});

fn call(text: &str) -> Call {
    let mut arguments = Map::new();
    arguments.insert("a".to_owned(), Value::from(text));
    Call::new("t", arguments).expect("a string has a canonical form")
}

/// What the facts of the call say, read by the stock library.
fn readings(call: &Call, text: &str) -> Read {
    let mut read = Read::default();
    for line in stock_facts(call, &Facts::at(now()), 0, None) {
        let fact = Fact::try_from(line.as_str()).unwrap_or_else(|error| panic!("{line}: {error}"));
        let terms = &fact.predicate.terms;
        match (fact.predicate.name.as_str(), terms.as_slice()) {
            ("arg_str", [_, Term::Str(value)]) => assert_eq!(value, text),
            ("arg_path", [_, Term::Str(value)]) => read.path = Some(value.clone()),
            ("arg_host", [_, Term::Str(value)]) => read.host = Some(value.clone()),
            ("arg_ip4", [_, Term::Integer(value)]) => read.ip4 = u32::try_from(*value).ok(),
            ("arg_ip6", [_, Term::Integer(high), Term::Integer(low)]) => {
                // Signs are flipped, so that signed numbers compare as the unsigned halves do.
                let half = |half: &i64| u128::from(half.cast_unsigned() ^ 1 << 63);
                read.ip6 = Some(half(high) << 64 | half(low));
            }
            (
                "arg_url",
                [
                    _,
                    Term::Str(scheme),
                    Term::Str(host),
                    Term::Integer(port),
                    Term::Str(path),
                ],
            ) => {
                let port = u16::try_from(*port).expect("a port");
                read.url = Some((scheme.clone(), host.clone(), port, path.clone()));
            }
            ("tool" | "arg_names" | "time" | "depth", _) => {}
            other => panic!("{other:?}"),
        }
    }
    read
}

fn path(text: &str, read: &Read) {
    let Some(path) = &read.path else {
        return;
    };
    let slash = if text == "/" { "" } else { "/" };
    assert_eq!(path, &format!("{text}{slash}"));
    // However often it is unescaped, it goes nowhere else.
    let mut bytes = text.as_bytes().to_vec();
    loop {
        for component in bytes[1..].split(|byte| *byte == b'/') {
            assert!(!matches!(component, b"." | b".."), "{text:?}");
            assert!(!component.is_empty() || bytes == b"/", "{text:?}");
        }
        let fine = |byte: &u8| !matches!(byte, b'\\' | 0..=0x1f | 0x7f);
        assert!(bytes.iter().all(fine), "{text:?}");
        let next = unescaped(&bytes);
        if next == bytes {
            break;
        }
        let slashes = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'/').count();
        assert_eq!(slashes(&next), slashes(&bytes), "{text:?}");
        bytes = next;
    }
    let components = std::path::Path::new(text).components();
    assert!(
        components
            .clone()
            .skip(1)
            .all(|part| matches!(part, std::path::Component::Normal(_))),
        "{text:?}"
    );
    assert_eq!(components.as_path(), std::path::Path::new(text));
}

/// Every `%XX` decoded once.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = &after[2..];
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

fn whole_url(text: &str, read: &Read) {
    let Some((scheme, host, port, path)) = &read.url else {
        return;
    };
    let url = Url::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    // An apostrophe in the query is the one character that is sent in another spelling.
    let sent = match text.split_once('?') {
        Some((before, query)) => format!("{before}?{}", query.replace('\'', "%27")),
        None => text.to_owned(),
    };
    assert_eq!(url.as_str(), sent, "the WHATWG parser writes it otherwise");
    assert_eq!(url.scheme(), scheme);
    assert_eq!(
        url.host_str().map(|name| format!(".{name}")).as_ref(),
        Some(host)
    );
    assert_eq!(url.port_or_known_default(), Some(*port));
    let slash = if url.path().ends_with('/') { "" } else { "/" };
    assert_eq!(&format!("{}{slash}", url.path()), path);
    assert!(path.starts_with('/') && path.ends_with('/'));
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    let name = host.strip_prefix('.').expect("a leading dot");
    assert_eq!(
        readings(&call(name), name).host.as_ref(),
        Some(host),
        "its host is a host"
    );
    // However often it is unescaped, it leads nowhere else.
    let mut bytes = path.clone().into_bytes();
    loop {
        assert!(!bytes.starts_with(b"//"), "{text:?}");
        let fine = |byte: &u8| !matches!(byte, b'\\' | 0..=0x1f | 0x7f);
        assert!(bytes.iter().all(fine), "{text:?}");
        for segment in bytes.split(|byte| *byte == b'/') {
            let name = String::from_utf8_lossy(segment).replace(['\u{ff0e}', '\u{2024}'], ".");
            let name = name.split(';').next().unwrap_or_default().trim();
            assert!(!matches!(name, "." | ".."), "{text:?}");
        }
        let next = unescaped(&bytes);
        if next == bytes {
            break;
        }
        bytes = next;
    }
}

fn name(text: &str, read: &Read) {
    let Some(host) = &read.host else {
        return;
    };
    assert_eq!(host, &format!(".{text}"));
    let theirs = Host::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    assert_eq!(
        theirs.to_string(),
        text,
        "the WHATWG parser writes it otherwise"
    );
    match theirs {
        Host::Domain(_) => assert!(read.ip4.is_none() && read.ip6.is_none()),
        Host::Ipv4(address) => assert_eq!(read.ip4, Some(address.into())),
        Host::Ipv6(_) => assert!(text.starts_with('[')),
    }
}

fn addresses(text: &str, read: &Read) {
    if let Some(bits) = read.ip4 {
        assert_eq!(text.parse(), Ok(Ipv4Addr::from(bits)));
        assert_eq!(Ipv4Addr::from(bits).to_string(), text);
        assert!(read.host.is_some() && read.ip6.is_none());
    }
    if let Some(bits) = read.ip6 {
        let address = Ipv6Addr::from(bits);
        assert_eq!(text.parse(), Ok(address));
        assert_eq!(address.to_string(), text);
        assert_eq!(
            address.to_ipv4_mapped(),
            None,
            "an IPv4 address in another spelling"
        );
    }
}

fn network(text: &str) {
    if let Ok(network) = text.parse::<Cidr>() {
        let written = network.to_string();
        assert_eq!(written.parse(), Ok(network), "{written}");
        assert!(written == text || written.split_once('/').is_some_and(|(ip, _)| ip == text));
    }
}

/// Whether a token with the constraint allows the call, beside what it should; `None` where the
/// constraint should not be usable.
fn allows(call: &Call, constraint: Constraint, expected: Option<bool>) {
    let scope = Scope::new().grant(Grant::new("t").arg("a", constraint.clone()));
    let to = forge::agent(&keys()[0]).public();
    let minted = scope.at(now()).is_ok();
    assert_eq!(minted, expected.is_some(), "{constraint:?}");
    if !minted {
        return;
    }
    let root = root().1;
    let allowed = within([1, 0, 0, 0], "a token of one constraint", || {
        let chain = root.mint(&scope, &Mandate::default(), to, now()).ok()?;
        let ring = KeyRing::new([root.root()]);
        let chain = ring
            .chain(&chain.to_bytes())
            .expect("what is minted is read");
        let verdict = chain.explain(call, &Facts::at(now()), Default::default());
        Some(verdict.is_ok())
    });
    let Some(allowed) = allowed else {
        return;
    };
    assert_eq!(Some(allowed), expected, "{constraint:?} {call:?}");
}

fn path_allows(root: &str, text: &str, read: &Read) -> Option<bool> {
    // A trailing slash may be written, and is added where it is not.
    let plain = match root.strip_suffix('/') {
        Some("") | None => root,
        Some("/") => return None,
        Some(rest) => rest,
    };
    readings(&call(plain), plain).path?;
    let under = text
        .strip_prefix(plain)
        .is_some_and(|rest| plain == "/" || rest.is_empty() || rest.starts_with('/'));
    Some(read.path.is_some() && under)
}

fn host_allows(pattern: &str, text: &str, read: &Read) -> Option<bool> {
    let name = pattern.strip_prefix('.').unwrap_or(pattern);
    let known = readings(&call(name), name);
    known.host.as_ref()?;
    let under = pattern.starts_with('.');
    if under && (known.ip4.is_some() || name.starts_with('[')) {
        return None;
    }
    let fits = text == name
        || under
            && text
                .strip_suffix(name)
                .is_some_and(|rest| rest.ends_with('.'));
    Some(read.host.is_some() && fits)
}

fn cidr_allows(network: &str, read: &Read) -> bool {
    let (first, len) = network.split_once('/').unwrap_or((network, ""));
    let shifted = |first: u128, ip: u128, bits: u32| {
        let len = len.parse::<u32>().unwrap_or(bits);
        let host = bits - len;
        (first ^ ip).checked_shr(host).unwrap_or(0) == 0
    };
    if let Ok(first) = first.parse::<Ipv4Addr>() {
        let first = u128::from(u32::from(first));
        return read
            .ip4
            .is_some_and(|ip| shifted(first, u128::from(ip), 32));
    }
    let first = first.parse::<Ipv6Addr>().map(u128::from);
    first.is_ok_and(|first| read.ip6.is_some_and(|ip| shifted(first, ip, 128)))
}
