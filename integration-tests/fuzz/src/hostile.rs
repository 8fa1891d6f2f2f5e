//! Patterns that cost much to compile or to match where nothing bounds them, and blocks that hold them.

use biscuit_auth::format::schema::Block;

/// The patterns, as a constraint has them.
pub const PATTERNS: [&str; 12] = [
    r"(?i)[\D&&\D&&\D&&\D&&a]",
    "(?-u)[ab]*a[ab]{904}c",
    "[ab]*a[ab]{250}c",
    "(?:|a)(?:|a)(?:|a)(?:|a)b*",
    "(a+)+",
    "(?:[a-z]{1,20}[0-9]{1,20}/?){1,12}",
    r"\p{Greek}{200}",
    r"\w{20}",
    r"\b\d{3,9}\b",
    "a{257}",
    "(?:(?:(?:a{9}){9}){9}){9}",
    "a)|(?:.*",
];

/// A pattern as a block has it.
#[must_use]
pub fn written(pattern: &str) -> String {
    format!(r"\A(?:{pattern})\z")
}

/// Whether the block holds one of the patterns.
#[must_use]
pub fn holds(block: &Block) -> bool {
    let hostile = |text: &String| PATTERNS.iter().any(|one| *text == written(one));
    block.symbols.iter().any(hostile)
}

/// The block with a pattern in the place of each that it has; `None` where it has none.
#[must_use]
pub fn with(block: &Block, pattern: &str) -> Option<Block> {
    let mut block = block.clone();
    let mut found = false;
    for text in block
        .symbols
        .iter_mut()
        .filter(|text| text.starts_with(r"\A(?:"))
    {
        *text = written(pattern);
        found = true;
    }
    found.then_some(block)
}
