use proptest::prelude::*;

use super::*;
use crate::capability::work::work;

fn positions(source: &str) -> Result<usize, String> {
    measure(source).map(|(_, positions)| positions)
}

/// The expression of the stock engine: the source in its group, from start to end.
fn stock(source: &str) -> regex::Regex {
    regex::Regex::new(&format!(r"\A(?:{source})\z")).unwrap()
}

#[test]
fn positions_are_counted_after_repetitions_are_written_out() {
    for (source, count) in [
        ("", 0),
        ("a", 1),
        ("é", 1),
        ("abc", 3),
        ("a|bc|", 3),
        ("a*b+c?", 3),
        ("(?:ab){3}", 6),
        ("(?P<name>ab){3,5}", 10),
        ("[ab]{4,}", 4),
        ("a{0}", 0),
        ("a{0,}", 1),
        (".", 1),
        ("[^a-z]", 1),
        ("[[:alpha:]_]", 1),
        ("[áéí]", 3),
        ("^a$", 3),
        (r"\A\ba\B\z", 5),
        (r"\d{4}-\d{2}", 7),
        (r"\s", 1),
        (r"\w", 8),
        (r"[\w.]", 8),
        (r"\w{32}", 256),
        ("[ab]{256}", 256),
        ("a{256}", 256),
    ] {
        assert_eq!(positions(source), Ok(count), "{source}");
    }
}

#[test]
fn what_is_dear_is_refused_by_name() {
    let intersections = format!("(?i)[{}&&a]", [r"\D"; 60].join("&&"));
    let cases = [
        (intersections.as_str(), "flags"),
        ("(?i)a", "flags"),
        ("(?i:a)", "flags"),
        ("(?s).*", "flags"),
        ("(?x)a # b", "flags"),
        ("(?-u)[ab]*a[ab]{904}c", "flags"),
        (r"[\D&&\D]", "operations on classes"),
        ("[a--b]", "operations on classes"),
        ("[a~~b]", "operations on classes"),
        ("[a[bc]]", "operations on classes"),
        (r"\pL", "Unicode classes"),
        (r"\p{Greek}", "Unicode classes"),
        (r"\PN", "Unicode classes"),
        (r"[a\pL]", "Unicode classes"),
        ("(a+)+", "inside another"),
        ("(?:a|b*){2}", "inside another"),
        ("a{2}{3}", "inside another"),
        ("(?:a{99}){99}", "inside another"),
        ("(?:){1000000000}", "repeats nothing"),
        (r"\b{start}a", "assertions"),
        ("[ab]*a[ab]{904}c", "907 positions"),
        ("a{257}", "257 positions"),
        (r"\w{33}", "264 positions"),
        ("a{4294967295}", "positions"),
        ("(", "not a usable"),
        ("a)|(?:.*", "not a usable"),
        ("a{2,1}", "not a usable"),
    ];
    let before = work();
    for (source, what) in cases {
        let error = positions(source).unwrap_err();
        assert!(error.contains(what), "{source}: {error}");
        assert!(Pattern::new(source).is_err());
    }
    assert!(
        positions(&"a".repeat(257))
            .unwrap_err()
            .contains("at most 256 bytes")
    );
    assert_eq!((work() - before).patterns, 0);
}

#[test]
fn equal_patterns_count_and_compile_once() {
    let many: Vec<String> = (0..16).map(|n| format!("a{n}")).collect();
    let sources = || many.iter().chain(&many).map(String::as_str);
    let none = Patterns::default();
    none.admit(sources()).unwrap();
    let before = work();
    let all = none.with(sources()).unwrap();
    assert_eq!((work() - before).patterns, 16);
    all.admit(sources()).unwrap();
    let before = work();
    assert!(all.admit(["b"].into_iter()).unwrap_err().contains("17"));
    assert!(none.admit(sources().chain(["b"])).is_err());
    // Together the patterns have at most this many positions.
    let half = none.with(["a{128}"].into_iter()).unwrap();
    half.admit(["b{128}"].into_iter()).unwrap();
    let error = half.admit(["b{129}"].into_iter()).unwrap_err();
    assert!(error.contains("257"), "{error}");
    assert_eq!((work() - before).patterns, 1);
    assert!(all.bytes() < 128 << 10, "{}", all.bytes());
}

#[test]
fn a_text_past_the_limit_matches_nothing_and_costs_nothing() {
    let pattern = Pattern::new("a*").unwrap();
    assert!(pattern.is_match(&"a".repeat(MAX_MATCHED_BYTES)));
    let before = work();
    assert!(!pattern.is_match(&"a".repeat(MAX_MATCHED_BYTES + 1)));
    assert_eq!((work() - before).steps, 0);
}

#[test]
fn one_question_is_asked_once() {
    let pattern = Arc::new(Pattern::new("[ab]*a[ab]{250}c").unwrap());
    let text = "ab".repeat(4096);
    let answers = Answers::default();
    let before = work();
    for _ in 0..1000 {
        assert!(!answers.ask(&pattern, &text));
    }
    assert_eq!((work() - before).steps, 253 * 8192);
}

fn agree(source: &str, texts: &[&str]) {
    let (ours, theirs) = (Pattern::new(source).unwrap(), stock(source));
    for text in texts {
        assert_eq!(
            ours.is_match(text),
            theirs.is_match(text),
            "{source} {text:?}"
        );
    }
}

#[test]
fn answers_are_those_of_the_stock_engine() {
    let texts = [
        "",
        "a",
        "b",
        "ab",
        "ba",
        "aab",
        "abab",
        "aé",
        "é",
        "a b",
        " ",
        "\n",
        "a\n",
        "1",
        "٣",
        "_",
        "a-b",
        "-",
        "ß",
        "日本",
        "aaaa",
        "aaaaa",
        "\u{10ffff}",
        "abcabc",
        "A",
    ];
    for source in [
        "",
        "a",
        "a|b",
        "a*",
        "a+b?",
        "(?:ab)*",
        "(a|ab)(c|bcd)*",
        "a{2,4}",
        "a{2,}",
        "a{0}",
        "a{0,2}b",
        ".",
        ".*",
        ".+b",
        "[^a]",
        "[^a]*",
        "[a-c]{1,6}",
        r"\d",
        r"\D+",
        r"\w+",
        r"\W",
        r"\s|\S\S",
        "^a$",
        "^$",
        "a$|b",
        "(^|b)a",
        r"\ba\b",
        r"a\Bb",
        r"\b",
        r"\B",
        r"\A\z",
        r"a\b-\bb",
        "(|a)(|b)*",
        "[ß-é日]",
        "(?:|a)(?:|b)(?:|a)b*",
        "a^b",
        "(a$)*",
        r"(^a)*\b",
        "[[:word:]]+",
        "[^[:alpha:]]",
        r"\x{e9}",
        "abc|abd|abe",
        "(?:abc){2}",
        "(?:a|b|ab){1,3}",
    ] {
        agree(source, &texts);
    }
}

prop_compose! {
    fn atom()(choice in 0..12_usize) -> String {
        ["a", "b", ".", "[ab]", "[^a]", "é", r"\d", "^", "$", r"\b", r"\w", "(?:|a)"][choice].to_owned()
    }
}

fn source() -> impl Strategy<Value = String> {
    let plain = prop::collection::vec(atom(), 1..5).prop_map(|atoms| atoms.concat());
    let choice =
        prop::collection::vec(plain, 1..4).prop_map(|parts| format!("(?:{})", parts.join("|")));
    let repeated = (choice, 0..6_usize)
        .prop_map(|(part, kind)| part + ["", "*", "+", "?", "{2}", "{1,3}"][kind]);
    prop::collection::vec(repeated, 1..4).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_pattern_answers_as_the_stock_engine(source in source(), texts in prop::collection::vec("[abé1 ]{0,12}", 1..8)) {
        if let Ok(ours) = Pattern::new(&source) {
            let theirs = stock(&source);
            for text in &texts {
                prop_assert_eq!(ours.is_match(text), theirs.is_match(text), "{} {:?}", source, text);
            }
        }
    }
}
