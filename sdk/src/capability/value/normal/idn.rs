//! Labels of internationalised host names, in Punycode (RFC 3492).

/// Whether every reader takes `encoded`, a label in lower case without its `xn--`, for the same
/// name: it decodes, to more than ASCII, and only to characters that are valid in a host
/// name and that no version of the tables maps, composes, orders or changes the case of.
pub(super) fn normal(encoded: &str) -> bool {
    let Some(chars) = decode(encoded) else {
        return false;
    };
    let (Some(first), Some(last)) = (chars.first(), chars.last()) else {
        return false;
    };
    let script = match right(*first) {
        true => chars
            .iter()
            .all(|char| right(*char) || matches!(char, '0'..='9' | '-')),
        false => chars.iter().all(|char| left(*char) || mark(*char)),
    };
    let ordered = chars
        .iter()
        .zip(chars.iter().skip(1))
        .all(|(one, next)| class(*next) == 0 || class(*one) <= class(*next));
    script
        && ordered
        && !chars.iter().all(char::is_ascii)
        && *first != '-'
        && *last != '-'
        && !mark(*first)
        // A label that looks as if it were encoded twice is invalid.
        && !chars.starts_with(&['x', 'n', '-', '-'])
}

/// Whether a label in normal form is written from right to left.
pub(super) fn right_to_left(label: &str) -> bool {
    // Most names have no such label and are not decoded.
    let first = |encoded| decode(encoded).and_then(|chars| chars.first().copied());
    label
        .strip_prefix("xn--")
        .and_then(first)
        .is_some_and(right)
}

/// Whether a label in normal form may stand in a name with a label from right to left: it begins with a
/// letter, and ends with a letter, a mark or a digit (RFC 5893, 2).
pub(super) fn beside_right_to_left(label: &str) -> bool {
    let chars = match label.strip_prefix("xn--") {
        Some(encoded) => decode(encoded).unwrap_or_default(),
        None => label.chars().collect(),
    };
    let [Some(first), Some(last)] = [chars.first(), chars.last()] else {
        return false;
    };
    !matches!(first, '0'..='9' | '-' | '_') && !matches!(last, '-' | '_')
}

/// Letters and digits of scripts that are written from left to right.
fn left(char: char) -> bool {
    match char {
        'a'..='z' | '0'..='9' | '-' | '_' => true,
        'ß'..='ÿ' => char != '÷',
        'ā'..='ž' => char.is_lowercase() && !matches!(char, 'ĳ' | 'ŀ' | 'ŉ'),
        // Vietnamese, Romanian, Azerbaijani.
        'ơ' | 'ư' | 'ș' | 'ț' | 'ə' => true,
        'ạ'..='ỹ' => char.is_lowercase(),
        'ά'..='ώ' => true,
        'а'..='џ' | 'ґ' | 'ғ' | 'қ' | 'ң' | 'ү' | 'ұ' | 'һ' | 'ә' | 'ө' => true,
        // Armenian, Georgian.
        '\u{561}'..='\u{586}' | '\u{10d0}'..='\u{10f0}' => true,
        // Devanagari, without the letters that are composed of others.
        '\u{905}'..='\u{939}' => !matches!(char, '\u{929}' | '\u{931}' | '\u{934}'),
        // Thai.
        '\u{e01}'..='\u{e30}' | '\u{e32}' | '\u{e40}'..='\u{e46}' => true,
        'ぁ'..='ゖ' | 'ァ'..='ヺ' | 'ー' | '一'..='龥' | '가'..='힣' => true,
        _ => false,
    }
}

/// Letters of scripts that are written from right to left: Hebrew, and Arabic without the letters that
/// have a spelling with two characters.
fn right(char: char) -> bool {
    matches!(
        char,
        '\u{5d0}'..='\u{5ea}' | '\u{620}'..='\u{63f}' | '\u{641}'..='\u{64a}' | '\u{679}'..='\u{6d3}'
    )
}

/// Marks of Devanagari and Thai, which follow a letter.
fn mark(char: char) -> bool {
    matches!(
        char,
        '\u{901}'..='\u{903}' | '\u{93e}'..='\u{94d}'
        | '\u{e31}' | '\u{e34}'..='\u{e39}' | '\u{e47}'..='\u{e4c}'
    )
}

/// The combining class of a [`mark`]: consecutive marks stand in the order of their classes.
fn class(char: char) -> u8 {
    match char {
        '\u{94d}' => 9,
        '\u{e38}' | '\u{e39}' => 103,
        '\u{e48}'..='\u{e4b}' => 107,
        _ => 0,
    }
}

/// RFC 3492, 6.2. A label has 63 bytes at most, so the insertions are few.
fn decode(encoded: &str) -> Option<Vec<char>> {
    let (basic, extended) = match encoded.rsplit_once('-') {
        Some(("", _)) => return None,
        Some((basic, extended)) => (basic, extended),
        None => ("", encoded),
    };
    let mut chars: Vec<char> = basic.chars().collect();
    let mut digits = extended.bytes();
    let (mut code, mut index, mut bias) = (0x80_u32, 0_u32, 72_u32);
    while digits.len() > 0 {
        let (start, mut weight) = (index, 1_u32);
        for k in (36_u32..).step_by(36) {
            let digit = match digits.next()? {
                letter @ b'a'..=b'z' => u32::from(letter - b'a'),
                figure @ b'0'..=b'9' => u32::from(figure - b'0') + 26,
                _ => return None,
            };
            index = index.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(36 - threshold)?;
        }
        let count = u32::try_from(chars.len()).ok()? + 1;
        bias = adapt(index - start, count, start == 0);
        code = code.checked_add(index / count)?;
        index %= count;
        chars.insert(usize::try_from(index).ok()?, char::from_u32(code)?);
        index += 1;
    }
    Some(chars)
}

/// RFC 3492, 6.1.
fn adapt(delta: u32, count: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / count;
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}
