//! How text from an untrusted author is shown: which characters are hidden, and how they are made
//! visible.
//!
//! Every room that shows such text to a person or to a model uses this module, so that there is one list.

mod hidden;
mod name;

#[cfg(test)]
mod tests;

pub use hidden::is_hidden;
pub use name::plain_name;

/// Whether a character has to be made visible in a text on one line: a control character, or a hidden
/// one ([`is_hidden`]).
#[must_use]
#[inline]
pub fn is_misleading(letter: char) -> bool {
    match letter.is_ascii() {
        true => letter.is_ascii_control(),
        false => letter.is_control() || is_hidden(letter),
    }
}

/// `text` on one line, with every control and hidden character as an escape, for logs, terminals and
/// error messages: a name that a model wrote cannot end a line, reorder it or hide in it.
///
/// Newline, carriage return and tab are written `\n`, `\r` and `\t`, any other such character as its
/// code point, `\u{202e}`. A backslash stays as it is, so the result cannot be parsed back. It has at most
/// ten bytes for each character of `text`.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' | '\t' => shown.extend(letter.escape_default()),
            letter => push_visible(&mut shown, letter, is_misleading(letter)),
        }
    }
    shown
}

/// `text` as [`printable`] shows it, in at most `most` characters; a longer text is cut and ends in `…`.
/// An escape is never cut in two.
#[must_use]
pub fn line(text: &str, most: usize) -> String {
    let (mut shown, mut count, mut fits) = (String::new(), 0, 0);
    for letter in text.chars() {
        let escaped = printable(letter.encode_utf8(&mut [0; 4]));
        count += escaped.chars().count();
        if count > most {
            shown.truncate(fits);
            if most > 0 {
                shown.push('…');
            }
            break;
        }
        shown.push_str(&escaped);
        if count < most {
            fits = shown.len();
        }
    }
    shown
}

/// `text` over several lines, at most `max` bytes of it, with every hidden character as `\u{…}`, for a
/// model or a person to read.
///
/// Newline and tab stay. A Windows line end becomes a newline, and every other control character
/// becomes U+FFFD. A text that is longer than `max` bytes when it is shown is cut between two
/// characters, never within an escape, and a last line says so. The work is bounded by `max`, not by
/// the length of `text`.
#[must_use]
pub fn shown(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let before = out.len();
        match letter {
            '\r' if letters.peek() == Some(&'\n') => continue,
            '\n' | '\t' => out.push(letter),
            letter if letter.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            letter => push_visible(&mut out, letter, is_hidden(letter)),
        }
        if out.len() > max {
            out.truncate(before);
            out.push_str(&format!("\n[cut: the first {max} of {} bytes]", text.len()));
            break;
        }
    }
    out
}

fn push_visible(out: &mut String, letter: char, escape: bool) {
    if escape {
        out.extend(letter.escape_unicode());
    } else {
        out.push(letter);
    }
}
