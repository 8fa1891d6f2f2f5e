//! The one list of hidden characters.

/// Whether a reader does not see a character, or sees others in another order because of it.
///
/// These are the characters that [Unicode 16] calls default ignorable (`Default_Ignorable_Code_Point`:
/// soft hyphen, joiners, zero width, bidirectional controls, variation selectors, fillers, tags), the
/// line and paragraph separators, the annotation and format characters that have no glyph, and the
/// noncharacters. Control characters (category Cc) are not among them; see
/// [`is_misleading`](super::is_misleading).
///
/// Variation selectors and the zero-width joiner occur in emoji and in the text of several scripts.
/// They count all the same, since text can be hidden in them.
///
/// [Unicode 16]: https://www.unicode.org/reports/tr44/tr44-34.html#Default_Ignorable_Code_Point
#[must_use]
pub const fn is_hidden(letter: char) -> bool {
    matches!(
        letter,
        // Soft hyphen, combining grapheme joiner, Arabic letter mark.
        '\u{ad}' | '\u{34f}' | '\u{61c}'
        // Hangul fillers, Khmer inherent vowels, Mongolian variation selectors and vowel separator.
        | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{3164}' | '\u{ffa0}'
        // Zero width and direction; separators, embeddings and overrides; word joiner, invisible
        // operators, isolates, deprecated format characters.
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        // Variation selectors, byte order mark, reserved ignorable, annotation.
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
        // Format controls of Egyptian hieroglyphs, of shorthand and of musical notation.
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // Tags, variation selectors of the supplement, and what is reserved beside them.
        | '\u{e0000}'..='\u{e0fff}'
        // Noncharacters of the first plane; those of the others are below.
        | '\u{fdd0}'..='\u{fdef}'
    ) || (letter as u32 & 0xfffe) == 0xfffe
}
