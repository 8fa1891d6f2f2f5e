//! Bytes as text: two lower-case digits a byte, and nothing else.

pub(crate) fn write(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Exactly `N` bytes, in exactly the form of [`write`].
pub(crate) fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => Some(value(high)? << 4 | value(low)?),
            _ => None,
        })
        .collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn hex_reads_only_what_it_writes() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(super::read::<256>(&super::write(&bytes)).unwrap(), *bytes);
        for text in ["", "0", "000", "0000", "0G", "AB", "é", "+1"] {
            assert_eq!(super::read::<1>(text), None, "{text}");
        }
    }
}
