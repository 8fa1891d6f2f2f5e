use super::*;

/// Hidden characters that attacks were seen to use, and some of each range.
const HIDDEN: [char; 40] = [
    '\u{ad}',
    '\u{34f}',
    '\u{61c}',
    '\u{115f}',
    '\u{1160}',
    '\u{17b4}',
    '\u{180b}',
    '\u{180e}',
    '\u{180f}',
    '\u{200b}',
    '\u{200c}',
    '\u{200d}',
    '\u{200e}',
    '\u{200f}',
    '\u{2028}',
    '\u{2029}',
    '\u{202a}',
    '\u{202e}',
    '\u{2060}',
    '\u{2063}',
    '\u{2066}',
    '\u{2069}',
    '\u{206f}',
    '\u{3164}',
    '\u{fe00}',
    '\u{fe0f}',
    '\u{feff}',
    '\u{ffa0}',
    '\u{fff9}',
    '\u{fffb}',
    '\u{13430}',
    '\u{1bca0}',
    '\u{1d173}',
    '\u{e0000}',
    '\u{e0001}',
    '\u{e0041}',
    '\u{e007f}',
    '\u{e0100}',
    '\u{e01ef}',
    '\u{10ffff}',
];

#[test]
fn attack_28_hidden_characters_are_seen_in_one_line_and_in_many() {
    for letter in HIDDEN {
        let text = format!("a{letter}b");
        let escape = format!("a{}b", letter.escape_unicode());
        assert!(is_hidden(letter) && is_misleading(letter), "{letter:?}");
        assert_eq!(printable(&text), escape);
        assert_eq!(shown(&text, 100), escape);
    }
}

#[test]
fn text_that_is_seen_stays_as_it_is() {
    let text = "Grüße, мир, 世界, שלום, हिन्दी, `/srv/docs` \\ \"quoted\" 😀 \u{3000}\u{a0}\u{e000}";
    assert_eq!(printable(text), text);
    assert_eq!(shown(text, 1000), text);
    assert!(!text.chars().any(is_misleading));
}

#[test]
fn no_control_and_no_hidden_character_is_left_of_any() {
    for letter in '\0'..=char::MAX {
        let (line, lines) = (
            printable(&letter.to_string()),
            shown(&letter.to_string(), 100),
        );
        let kept = matches!(letter, '\n' | '\t');
        assert!(!line.contains(is_misleading), "{letter:?}");
        assert!(kept || !lines.contains(is_misleading), "{letter:?}");
        assert!(line.len() <= 10 * letter.len_utf8() && lines.len() <= 10 * letter.len_utf8());
    }
}

#[test]
fn attack_28_control_characters_do_not_reach_the_model() {
    assert_eq!(
        shown("a\r\nb\tc\u{1b}[31m\u{7}\u{9b}\rd\u{0}", 100),
        "a\nb\tc\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}d\u{fffd}"
    );
    assert_eq!(printable("a\nb\tc\r\u{1b}[2J"), "a\\nb\\tc\\r\\u{1b}[2J");
}

#[test]
fn a_long_text_is_cut_between_characters_and_says_so() {
    assert_eq!(shown("ééé", 6), "ééé");
    assert_eq!(shown("ééé", 5), "éé\n[cut: the first 5 of 6 bytes]");
    assert_eq!(shown("", 0), "");
    // An escape is kept whole or dropped.
    assert_eq!(shown("a\u{202e}", 8), "a\n[cut: the first 8 of 4 bytes]");
    assert_eq!(shown("a\u{202e}", 9), "a\\u{202e}");
    // Replacing a character makes the text longer; the cap holds for what is shown.
    assert!(shown(&"\u{0}".repeat(1000), 100).starts_with(&"\u{fffd}".repeat(33)));
    assert!(shown(&"\u{0}".repeat(1000), 100).len() < 150);
    assert!(shown(&"\u{e0041}".repeat(1000), 100).len() < 150);
}

#[test]
fn the_list_is_what_unicode_says() {
    // Prepended concatenation marks are format characters too, and have a glyph.
    let ignorable = regex::Regex::new(
        r"^[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\p{Zl}\p{Zp}[\p{Cf}--\p{Prepended_Concatenation_Mark}]]$",
    )
    .unwrap();
    let bidi = regex::Regex::new(r"^\p{Bidi_Control}$").unwrap();
    for letter in '\0'..=char::MAX {
        let text = letter.encode_utf8(&mut [0; 4]).to_owned();
        assert_eq!(is_hidden(letter), ignorable.is_match(&text), "{letter:?}");
        assert!(is_hidden(letter) || !bidi.is_match(&text), "{letter:?}");
    }
}

#[test]
fn a_name_that_no_provider_takes_gets_one_that_all_take() {
    for (name, plain) in [
        ("fs.read", "fs_read"),
        ("a b/c", "a_b_c"),
        ("get-user_2", "get-user_2"),
    ] {
        assert_eq!(plain_name(name), plain);
    }
    let long = "a".repeat(64);
    assert_eq!(plain_name(&long), long);
    let strange = [
        "a".repeat(65),
        "a".repeat(66),
        format!("{}.x", "b".repeat(80)),
        format!("{}.y", "b".repeat(80)),
        "поиск.веб".to_owned(),
        "поиск.сеть".to_owned(),
        "search.веб".to_owned(),
        "search.сеть".to_owned(),
        "...".to_owned(),
        "..".to_owned(),
        "___".to_owned(),
        "a\u{200b}b".to_owned(),
        "ａ.b".to_owned(),
        "搜索".to_owned(),
        String::new(),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for name in &strange {
        let plain = plain_name(name);
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        assert!(
            (1..=64).contains(&plain.len()) && plain.bytes().all(fits),
            "{plain}"
        );
        assert_eq!(plain_name(name), plain);
        assert!(plain.contains(char::is_alphanumeric), "{plain}");
        assert!(seen.insert(plain), "{name}");
    }
    // The same in every process and version: stored runs hold these names.
    assert_eq!(plain_name("поиск.веб"), "tool_ef0d27389860");
    assert_eq!(plain_name("search.веб"), "search_3eb9e6127ac0");
    assert_eq!(
        plain_name(&"a".repeat(65)),
        format!("{}_635361c48bb9", "a".repeat(51))
    );
}

#[test]
fn a_line_is_cut_between_escapes() {
    assert_eq!(line("abc", 3), "abc");
    assert_eq!(line("abcd", 3), "ab…");
    assert_eq!(line("ab\u{202e}", 10), "ab\\u{202e}");
    assert_eq!(line("ab\u{202e}", 9), "ab…");
    assert_eq!(line("ab\u{202e}", 2), "a…");
    assert_eq!(line("\u{202e}", 5), "…");
    assert_eq!((line("a", 0), line("", 0)), (String::new(), String::new()));
}
