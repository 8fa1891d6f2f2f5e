//! Where the values of a JSON text begin and end.

use std::ops::Range;

use memchr::memchr2;

/// The JSON string at the begin of `bytes`, its quotes included, and what follows it.
pub(super) fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 1;
    bytes.first().filter(|first| **first == b'"')?;
    loop {
        let found = memchr2(b'"', b'\\', bytes.get(at..)?)?;
        at = at.checked_add(found)?;
        match bytes.get(at)? {
            b'"' => return bytes.split_at_checked(at.checked_add(1)?),
            _ => at = at.checked_add(2)?,
        }
    }
}

/// What follows the string or the whole number at the begin of `bytes`. `None` for a string that has an escape or is
/// not ASCII, and for any other value.
pub(super) fn after_scalar(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.first() == Some(&b'"') {
        let (text, rest) = string(bytes)?;
        let is_plain = |byte: &u8| (b' '..0x7f).contains(byte) && *byte != b'\\';
        return text.iter().all(is_plain).then_some(rest);
    }
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let end = bytes.iter().position(|byte| !is_digit(byte));
    let (number, rest) = bytes.split_at_checked(end.unwrap_or(bytes.len()))?;
    match number {
        [] | [b'0', _, ..] => None,
        _ => Some(rest),
    }
}

/// Where the strings and whole numbers are that are members of the object `data` itself and whose names are not in `read`.
/// It gives only those that it is sure of; `data` is a valid JSON object.
pub(super) fn unread(data: &[u8], read: &[&str]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut rest = data.trim_ascii_start().strip_prefix(b"{");
    while let Some(members) = rest {
        rest = member(data, members, read, &mut found);
    }
    found
}

/// Looks at one member, and gives what follows its comma.
fn member<'a>(
    data: &[u8],
    members: &'a [u8],
    read: &[&str],
    found: &mut Vec<Range<usize>>,
) -> Option<&'a [u8]> {
    let (name, rest) = string(members.trim_ascii_start())?;
    let value = rest.trim_ascii_start().strip_prefix(b":")?;
    let value = value.trim_ascii_start();
    // A name with an escape may be another one than it looks.
    let name = name.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let is_unread = !name.contains(&b'\\') && !read.iter().any(|it| it.as_bytes() == name);
    let after = match after_scalar(value) {
        Some(after) if is_unread && after.first().is_some_and(ends) => {
            let [begin, end] = [value, after].map(|it| data.len().checked_sub(it.len()));
            found.push(begin?..end?);
            after
        }
        _ => after_any(value)?,
    };
    after.trim_ascii_start().strip_prefix(b",")
}

/// Whether a byte ends a number.
const fn ends(byte: &u8) -> bool {
    matches!(byte, b',' | b'}') || byte.is_ascii_whitespace()
}

/// What follows the value at the begin of `bytes`.
fn after_any(bytes: &[u8]) -> Option<&[u8]> {
    let (mut rest, mut depth) = (bytes, 0_usize);
    loop {
        match rest.first()? {
            b'"' => rest = string(rest)?.1,
            b'{' | b'[' => {
                depth = depth.checked_add(1)?;
                rest = rest.get(1..)?;
            }
            // The end of the object around it.
            b',' | b'}' if depth == 0 => return Some(rest),
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                rest = rest.get(1..)?;
            }
            _ => rest = rest.get(1..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(data: &str) -> Vec<&str> {
        let read = ["choices", "usage"];
        let ranges = unread(data.as_bytes(), &read);
        ranges.into_iter().map(|range| &data[range]).collect()
    }

    #[test]
    fn only_plain_members_of_the_object_itself_that_are_not_read_are_found() {
        let data = r#" { "id" : "a" , "n":17,"choices":[{"id":"b","x":[1,"]}"]}],"z":0,"e":"","usage":"u" }"#;
        assert_eq!(found(data), [r#""a""#, "17", "0", r#""""#]);
        for data in [
            r#"{"choices":"a"}"#,
            r#"{"\u0063hoices":"a"}"#,
            r#"{"a":"\n"}"#,
            r#"{"a":"é"}"#,
            r#"{"a":1.5,"b":-1,"c":1e5,"d":true,"e":null,"f":{"g":1}}"#,
            "{}",
        ] {
            assert_eq!(found(data), [] as [&str; 0], "{data}");
        }
        assert_eq!(found(r#"{"a":1.5,"b":{"c":"}"},"d":2}"#), ["2"]);
    }

    #[test]
    fn what_is_not_json_has_no_end_and_does_not_panic() {
        let data = r#"{"a":"b","c":[1,{"d":"e\""}],"f":12}"#;
        for end in 0..data.len() {
            let all = found(&data[..end]);
            assert!(all.len() <= 2, "{all:?}");
            let _ = string(&data.as_bytes()[end..]);
        }
        assert_eq!(after_scalar(b"012,"), None);
        assert_eq!(after_scalar(b"0,"), Some(&b","[..]));
        assert_eq!(after_scalar(b"12"), Some(&b""[..]));
        assert_eq!(after_scalar(b"\"a\tb\","), None);
        assert_eq!(after_scalar(b"\"a"), None);
        assert_eq!(
            string(b"\"a\\\"b\"c"),
            Some((&b"\"a\\\"b\""[..], &b"c"[..]))
        );
    }
}
