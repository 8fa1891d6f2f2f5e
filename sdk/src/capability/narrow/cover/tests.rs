use super::*;
use crate::capability::scope::{Constraint, cidr, host, matches, one_of, path_under, prefix, url};
use crate::capability::value::UrlPattern;

/// Each kind of constraint that reads a text, with one value that satisfies it and one that does not.
#[test]
fn a_value_is_read_as_each_kind_of_constraint_reads_it() {
    let networks = |text: &str| cidr([text.parse().unwrap()]);
    let cases: [(Constraint, &str, &str); 8] = [
        (prefix(["/a"]), "/ab", "/b"),
        (path_under(["/srv/"]), "/srv/x", "/srvx"),
        (
            url(UrlPattern::new(["https"], ["example.org"])),
            "https://example.org/a",
            "https://example.com/a",
        ),
        (host([".example.org"]), "a.example.org", "example.com"),
        (networks("10.0.0.0/8"), "10.1.2.3", "11.1.2.3"),
        (networks("2001:db8::/32"), "2001:db8::1", "2001:db9::1"),
        (matches(["a+"]), "aa", "b"),
        (one_of(["a", "b"]), "b", "c"),
    ];
    for (constraint, inside, outside) in cases {
        let read = |text: &str| satisfies(&Atom::Str(text.to_owned()), &constraint);
        assert_eq!(read(inside), Cover::Yes, "{inside} under {constraint:?}");
        assert_eq!(read(outside), Cover::No, "{outside} under {constraint:?}");
    }
}
