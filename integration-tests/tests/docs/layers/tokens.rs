//! Rust source as words and signs.

/// A word or a sign, and the line that it stands in.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Words, `::`, and every other sign by itself; without comments, strings, characters, lifetimes.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let letters: Vec<char> = text.chars().collect();
    let at = |index: usize| letters.get(index).copied().unwrap_or('\0');
    let word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let (mut found, mut i, mut line) = (Vec::new(), 0, 1);
    while i < letters.len() {
        let start = i;
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < letters.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= letters.len() {
                        break;
                    }
                }
            }
            'r' if at(i + 1) == '"' || (at(i + 1) == '#' && matches!(at(i + 2), '#' | '"')) => {
                i = raw(&letters, i + 1)
            }
            'b' if at(i + 1) == 'r' && matches!(at(i + 2), '"' | '#') => i = raw(&letters, i + 2),
            'b' if at(i + 1) == '"' => i = string(&letters, i + 2),
            '"' => i = string(&letters, i + 1),
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < letters.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            '\'' => {
                i += 1;
                while word(at(i)) {
                    i += 1;
                }
            }
            letter if word(letter) => {
                while word(at(i)) {
                    i += 1;
                }
                found.push(Token {
                    text: letters.iter().skip(start).take(i - start).collect(),
                    line,
                });
            }
            ':' if at(i + 1) == ':' => {
                i += 2;
                found.push(Token {
                    text: "::".to_owned(),
                    line,
                });
            }
            letter => {
                i += 1;
                if !letter.is_whitespace() {
                    found.push(Token {
                        text: letter.to_string(),
                        line,
                    });
                }
            }
        }
        line += letters
            .iter()
            .skip(start)
            .take(i - start)
            .filter(|letter| **letter == '\n')
            .count();
    }
    found
}

/// Where a string ends whose first letter after the quote is at `i`.
fn string(letters: &[char], mut i: usize) -> usize {
    while let Some(letter) = letters.get(i) {
        match letter {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    i
}

/// Where a raw string ends whose hashes, or quote, begin at `i`.
fn raw(letters: &[char], mut i: usize) -> usize {
    let hashes = letters
        .iter()
        .skip(i)
        .take_while(|letter| **letter == '#')
        .count();
    i += hashes + 1;
    while i < letters.len() {
        let closes = letters.get(i) == Some(&'"')
            && letters
                .iter()
                .skip(i + 1)
                .take(hashes)
                .filter(|letter| **letter == '#')
                .count()
                == hashes;
        if closes {
            return i + 1 + hashes;
        }
        i += 1;
    }
    i
}
