//! Labels of internationalised host names, in Punycode (RFC 3492).

/// Whether `encoded`, a label in lower case without its `xn--`, is one that every reader takes
/// for the same name: it decodes, to more than ASCII, and only to [`stable`] characters.
pub(super) fn normal(encoded: &str) -> bool {
    let Some(chars) = decode(encoded) else {
        return false;
    };
    let ends = [chars.first(), chars.last()];
    !chars.iter().all(char::is_ascii)
        && chars.iter().all(|char| stable(*char))
        && !ends.contains(&Some(&'-'))
        // A label that starts as if it were encoded once more is invalid.
        && !chars.starts_with(&['x', 'n', '-', '-'])
}

/// Characters that are valid in a host name, that no version of the tables maps, composes or
/// orders, and that have one case.
fn stable(char: char) -> bool {
    match char {
        'a'..='z' | '0'..='9' | '-' | '_' => true,
        'à'..='ÿ' => char != '÷',
        'ā'..='ž' => char.is_lowercase() && !matches!(char, 'ĳ' | 'ŀ' | 'ŉ'),
        'ά'..='ώ' => true,
        'а'..='џ' => true,
        'ぁ'..='ゖ' | 'ァ'..='ヺ' | 'ー' | '一'..='龥' | '가'..='힣' => true,
        _ => false,
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
