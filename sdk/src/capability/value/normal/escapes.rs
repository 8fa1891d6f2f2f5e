//! What percent escapes hide, however often they are decoded.
//!
//! A server, a proxy before it and a framework in it may each decode escapes, fold characters that look
//! alike, drop invisible characters, and cut a segment where a parameter begins. A text has one reading
//! only if none of these steps leads to another place.

use super::misleading;

/// A byte, and how many nested escapes spell it.
#[derive(Clone, Copy)]
struct Decoded {
    byte: u8,
    times: u32,
}

/// Decodes every escape, and the escapes that appear thereby, until no escape is left.
///
/// Each escape is decoded as soon as its last digit is there, which may have been escaped itself. The order
/// does not matter: no two escapes share a character. The work is linear in the length of the text.
fn undo(text: &str) -> Vec<Decoded> {
    let mut plain: Vec<Decoded> = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        plain.push(Decoded { byte, times: 0 });
        while let [before @ .., percent, high, low] = plain.as_slice()
            && percent.byte == b'%'
            && let Some(byte) = pair(high.byte, low.byte)
        {
            let times = percent.times.max(high.times).max(low.times) + 1;
            plain.truncate(before.len());
            plain.push(Decoded { byte, times });
        }
    }
    plain
}

/// The byte that two hexadecimal digits of either case stand for.
fn pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// Whether no escape in a file path stands for a character that such a path must not have, and no component
/// can be read as `.` or `..`.
pub(super) fn plain(text: &str) -> bool {
    if !text.contains('%') {
        return text.split('/').all(|name| !leads_up(name));
    }
    let decoded = undo(text);
    let hidden = |one: &Decoded| one.times > 0 && matches!(one.byte, b'.' | b'/');
    let bytes: Vec<u8> = decoded.iter().map(|one| one.byte).collect();
    !decoded.iter().any(hidden) && sound(&bytes) && {
        let text = String::from_utf8_lossy(&bytes);
        let stays = |text: &str| text.split('/').all(|name| !leads_up(name));
        !text.contains(misleading) && stays(&text) && stays(&latin(&bytes))
    }
}

/// Whether every reader of a URL's path stays below the same segments: every `%` begins an escape, and in
/// the path decoded, folded and split at each `/`, no segment is `.`, `..` or only a parameter.
///
/// The path must not begin with `//` either: a server that resolves it as a relative reference reads what
/// follows as a host. A nested escape must not hide a dot or a slash, and no escape may hide a control
/// character, a backslash, or the overlong form of another character.
pub(super) fn segments(path: &str) -> bool {
    let whole =
        |rest: &str| matches!(rest.as_bytes(), [high, low, ..] if pair(*high, *low).is_some());
    if !path.split('%').skip(1).all(whole) {
        return false;
    }
    let decoded = undo(path);
    let nested = |one: &Decoded| one.times > 1 && matches!(one.byte, b'.' | b'/');
    let bytes: Vec<u8> = decoded.iter().map(|one| one.byte).collect();
    if decoded.iter().any(nested) || !sound(&bytes) {
        return false;
    }
    let stays = |text: String| {
        // A server that knows path parameters drops `;` and the text after it.
        let named = |name: &str| !leads_up(name) && !name.starts_with(';');
        !text.starts_with("//") && !text.contains('\\') && text.split('/').all(named)
    };
    stays(
        String::from_utf8_lossy(&bytes)
            .chars()
            .map(folded)
            .collect(),
    ) && (std::str::from_utf8(&bytes).is_ok() || stays(latin(&bytes)))
}

/// The bytes as a reader sees them that does not know UTF-8.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Whether the bytes, with all escapes decoded, are free of control characters, backslashes, overlong forms
/// and escapes of the form `%u002e`.
fn sound(bytes: &[u8]) -> bool {
    let control = |byte: &u8| matches!(byte, 0..=0x1f | 0x7f | b'\\');
    let overlong = bytes.iter().any(|byte| matches!(byte, 0xc0 | 0xc1))
        || bytes.windows(2).any(|pair| {
            matches!(
                pair,
                [0xe0, 0x80..=0x9f]
                    | [0xf0, 0x80..=0x8f]
                    | [0xf8, 0x80..=0x87]
                    | [0xfc, 0x80..=0x83]
            )
        });
    let wide = bytes.windows(6).any(|six| match six {
        [b'%', b'u' | b'U', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    });
    !bytes.iter().any(control) && !overlong && !wide
}

/// Folds a look-alike of a slash or a backslash to that character.
fn folded(char: char) -> char {
    match char {
        '\u{2044}' | '\u{2215}' | '\u{2571}' | '\u{27cb}' | '\u{29f8}' | '\u{ff0f}' => '/',
        '\u{2216}' | '\u{2572}' | '\u{27cd}' | '\u{29f5}' | '\u{29f9}' | '\u{fe68}'
        | '\u{ff3c}' => '\\',
        other => other,
    }
}

/// How many dots a reader may fold a character into.
fn dots(char: char) -> Option<usize> {
    match char {
        '.' | '\u{2024}' | '\u{fe52}' | '\u{ff0e}' => Some(1),
        '\u{2025}' | '\u{fe30}' => Some(2),
        '\u{2026}' | '\u{fe19}' => Some(3),
        _ => None,
    }
}

/// Whether a reader may take a segment for `.` or `..`: apart from spaces and invisible characters, the
/// segment is one or two dots up to where a parameter, a query, a fragment or a stream begins.
fn leads_up(name: &str) -> bool {
    let mut count = 0;
    for char in name.chars() {
        match char {
            ';' | '?' | '#' | ':' => break,
            '+' => {}
            '!'..='-' | '/'..='~' => return false,
            _ if char.is_whitespace() || invisible(char) => {}
            _ => match dots(char) {
                Some(more) => count += more,
                None => return false,
            },
        }
    }
    matches!(count, 1 | 2)
}

/// Whether a misleading character is neither a dot nor a kind of slash, so that it is invisible.
fn invisible(char: char) -> bool {
    misleading(char)
        && dots(char).is_none()
        && folded(char) == char
        && !matches!(char, '\\' | '\u{2100}'..='\u{2106}')
}
