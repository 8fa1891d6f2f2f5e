//! Bytes in lower-case hexadecimal, and back.

use std::fmt;

/// Bytes in lower-case hexadecimal.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
        // Each piece costs one call of the formatter; 32 bytes are one piece.
        self.0.chunks(32).try_for_each(|chunk| {
            let mut text = String::with_capacity(64);
            for byte in chunk {
                text.push(digit(byte >> 4));
                text.push(digit(byte & 15));
            }
            f.write_str(&text)
        })
    }
}

/// Bytes as text.
pub(crate) fn write(bytes: &[u8]) -> String {
    Hex(bytes).to_string()
}

/// Exactly `N` bytes in lower-case hexadecimal.
pub(crate) fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?;
    }
    Some(bytes)
}
