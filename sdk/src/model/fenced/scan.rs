//! Where JSON values begin and end, in a text that need not be JSON.
//!
//! This finds edges only: the gate reads the text between them, once. Strings
//! may be in single quotes, brackets need not match, and everything may be cut short.

/// A piece of a text, and whether its end was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span<'a> {
    pub(super) text: &'a str,
    pub(super) closed: bool,
}

/// The value at the start of `text`.
pub(super) fn value(text: &str) -> Span<'_> {
    let (end, closed) = match text.as_bytes().first() {
        Some(quote @ (b'"' | b'\'')) => string_end(text, 0, *quote),
        Some(b'{' | b'[') => bracket_end(text),
        _ => {
            let end = text
                .find(|c: char| c.is_whitespace() || ",}]`<".contains(c))
                .unwrap_or(text.len());
            (end, end > 0)
        }
    };
    Span {
        text: text.get(..end).unwrap_or(text),
        closed,
    }
}

/// Where the string whose quote is at `start` ends, and whether it does.
fn string_end(text: &str, start: usize, quote: u8) -> (usize, bool) {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(start + 1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            _ if byte == quote => return (at + 1, true),
            _ => {}
        }
    }
    (text.len(), false)
}

/// Where the object or array that `text` begins with ends. A fence or a tag outside of strings is
/// in no JSON, so that a closing bracket was forgotten before it.
fn bracket_end(text: &str) -> (usize, bool) {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => {
                at = string_end(text, at, *byte).0;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return (at + 1, true),
            b'}' | b']' => depth -= 1,
            b'`' | b'<' => return (at, false),
            _ => {}
        }
        at += 1;
    }
    (text.len(), false)
}

/// The members of an object, in their order and with those that are there twice.
pub(super) struct Members<'a> {
    pub(super) all: Vec<(String, Span<'a>)>,
    /// Whether the object was read to its closing bracket.
    pub(super) closed: bool,
}

/// What is in the object that `text` is.
pub(super) fn members(text: &str) -> Members<'_> {
    let mut all = Vec::new();
    let mut rest = text.get(1..).unwrap_or_default();
    loop {
        rest = past_commas(rest);
        if !rest.starts_with(['"', '\'']) {
            let closed = rest.starts_with('}');
            return Members { all, closed };
        }
        let key = value(rest);
        rest = after(rest, key).trim_start();
        let Some(colon) = rest.strip_prefix(':').filter(|_| key.closed) else {
            return Members { all, closed: false };
        };
        rest = colon.trim_start();
        let found = value(rest);
        if found.text.is_empty() {
            return Members { all, closed: false };
        }
        all.push((unquoted(key.text), found));
        rest = after(rest, found);
    }
}

/// The values in the array that `text` is.
pub(super) fn items(text: &str) -> Vec<Span<'_>> {
    let mut all = Vec::new();
    let mut rest = past_commas(text.get(1..).unwrap_or_default());
    loop {
        let found = value(rest);
        if found.text.is_empty() {
            return all;
        }
        all.push(found);
        rest = past_commas(after(rest, found));
    }
}

/// What a string says; the text between its quotes where its escapes are not JSON's.
pub(super) fn unquoted(text: &str) -> String {
    serde_json::from_str(text).unwrap_or_else(|_| {
        // Cut short, it has no quote at its end.
        let inner = text.get(1..).unwrap_or_default();
        let quote = text.chars().next().unwrap_or('"');
        inner.strip_suffix(quote).unwrap_or(inner).to_owned()
    })
}

fn past_commas(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || c == ',')
}

fn after<'a>(text: &'a str, span: Span<'_>) -> &'a str {
    text.get(span.text.len()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_they_end_and_not_within_a_string() {
        for (text, found, closed) in [
            (r#"{"a": "}"} tail"#, r#"{"a": "}"}"#, true),
            (r#"["a", {"b": "\"]"}], x"#, r#"["a", {"b": "\"]"}]"#, true),
            (r#""a\\" b"#, r#""a\\""#, true),
            ("12, 13", "12", true),
            ("{'it': 'is'}", "{'it': 'is'}", true),
            (r#"{"a": {"b": 1}"#, r#"{"a": {"b": 1}"#, false),
            ("{\"a\": 1\n```", "{\"a\": 1\n", false),
            (r#"{"a": "é"#, r#"{"a": "é"#, false),
            ("", "", false),
        ] {
            assert_eq!(
                value(text),
                Span {
                    text: found,
                    closed
                },
                "{text}"
            );
        }
    }

    #[test]
    fn members_keep_their_order_and_their_doubles() {
        let found = members(r#"{"a" : 1, 'b':{"c":[]},"a":"x",}"#);
        let all: Vec<_> = found
            .all
            .iter()
            .map(|(k, v)| (k.as_str(), v.text))
            .collect();
        assert_eq!(all, [("a", "1"), ("b", r#"{"c":[]}"#), ("a", r#""x""#)]);
        assert!(found.closed);
        for cut in [
            r#"{"a": 1"#,
            r#"{"a""#,
            r#"{"a":"#,
            r#"{"a": 1, b: 2}"#,
            "{",
        ] {
            assert!(!members(cut).closed, "{cut}");
        }
    }
}
