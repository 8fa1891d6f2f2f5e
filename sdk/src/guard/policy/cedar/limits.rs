//! The bounds of a policy text, which is measured before it is parsed.
//!
//! The parser, the validator and the evaluator of Cedar go down one level of the stack for each level of an
//! expression. So brackets and operators are counted here, by a scan that keeps no stack.

use super::CedarError;

/// The longest text of a policy set, in bytes.
pub const MAX_POLICY_BYTES: usize = 256 * 1024;
/// The most policies of a set. The evaluation of one call asks each of them.
pub const MAX_POLICIES: usize = 1024;
/// The deepest nesting of brackets in one policy.
pub const MAX_POLICY_DEPTH: usize = 32;
/// The most operators, accesses, conditions and brackets in one policy: each may be a level of an expression.
pub const MAX_POLICY_OPERATORS: usize = 256;

/// The words that are operators, or begin a condition.
const WORDS: [&str; 8] = ["if", "then", "in", "has", "like", "is", "when", "unless"];

/// One policy of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// The text up to its semicolon.
    pub(super) text: &'a str,
    /// The line on which its first token stands, from 1.
    pub(super) line: usize,
    /// How many operators were counted: the expression is at most that deep.
    pub(super) operators: usize,
}

/// What was counted of the statement that is read.
#[derive(Default)]
struct Count {
    /// The offset and the line of the first token.
    start: Option<(usize, usize)>,
    depth: usize,
    operators: usize,
}

impl Count {
    fn token(&mut self, at: usize, line: usize) {
        self.start.get_or_insert((at, line));
    }

    fn operator(&mut self, line: usize) -> Result<(), CedarError> {
        self.operators += 1;
        match self.operators > MAX_POLICY_OPERATORS {
            true => Err(too_much(
                line,
                format!(
                    "the policy has more than {MAX_POLICY_OPERATORS} operators, accesses, conditions and brackets; split it"
                ),
            )),
            false => Ok(()),
        }
    }
}

fn too_much(line: usize, what: String) -> CedarError {
    CedarError::TooMuch {
        place: format!("line {line}"),
        what,
    }
}

/// Splits a text into its policies. The work is one pass over the text, and nothing is parsed.
///
/// # Errors
///
/// When the text, the number of policies, or the nesting or the operators of a policy exceed their bounds,
/// when a string does not end, and when the last policy has no semicolon.
pub(super) fn statements(text: &str) -> Result<Vec<Statement<'_>>, CedarError> {
    if text.len() > MAX_POLICY_BYTES {
        let what = format!(
            "the text has {} bytes, and at most {MAX_POLICY_BYTES} are read; make the set smaller",
            text.len()
        );
        return Err(too_much(1, what));
    }
    let mut found = Vec::new();
    let mut count = Count::default();
    let mut line = 1;
    let mut rest = text.char_indices().peekable();
    while let Some((at, read)) = rest.next() {
        match read {
            '\n' => line += 1,
            _ if read.is_whitespace() => {}
            '/' if rest.peek().is_some_and(|(_, next)| *next == '/') => {
                while rest
                    .next_if(|(_, next)| !matches!(next, '\n' | '\r'))
                    .is_some()
                {}
            }
            '"' => {
                count.token(at, line);
                let begun = line;
                loop {
                    match rest.next() {
                        Some((_, '"')) => break,
                        Some((_, '\n')) => line += 1,
                        Some((_, '\\')) => {
                            if let Some((_, '\n')) = rest.next() {
                                line += 1;
                            }
                        }
                        Some(_) => {}
                        None => {
                            return Err(CedarError::Syntax {
                                place: format!("line {begun}"),
                                what:
                                    "the string that begins here does not end; close it with `\"`"
                                        .to_owned(),
                            });
                        }
                    }
                }
            }
            ';' => {
                let (start, first) = count.start.unwrap_or((at, line));
                let text = text.get(start..=at).unwrap_or_default();
                found.push(Statement {
                    text,
                    line: first,
                    operators: count.operators,
                });
                if found.len() > MAX_POLICIES {
                    let what = format!("the set has more than {MAX_POLICIES} policies; split it");
                    return Err(too_much(line, what));
                }
                count = Count::default();
            }
            '(' | '[' | '{' => {
                count.token(at, line);
                count.operator(line)?;
                count.depth += 1;
                if count.depth > MAX_POLICY_DEPTH {
                    let what = format!(
                        "brackets nest more than {MAX_POLICY_DEPTH} deep; flatten the expression"
                    );
                    return Err(too_much(line, what));
                }
            }
            ')' | ']' | '}' => {
                count.token(at, line);
                count.depth = count.depth.saturating_sub(1);
            }
            _ if read.is_ascii_alphanumeric() || read == '_' => {
                count.token(at, line);
                let mut end = at + read.len_utf8();
                while let Some((next, letter)) =
                    rest.next_if(|(_, next)| next.is_ascii_alphanumeric() || *next == '_')
                {
                    end = next + letter.len_utf8();
                }
                if text.get(at..end).is_some_and(|word| WORDS.contains(&word)) {
                    count.operator(line)?;
                }
            }
            ',' | ':' | '@' => count.token(at, line),
            _ => {
                count.token(at, line);
                count.operator(line)?;
            }
        }
    }
    match count.start {
        None => Ok(found),
        Some((_, line)) => Err(CedarError::Syntax {
            place: format!("line {line}"),
            what: "the policy that begins here does not end; close it with `;`".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_at_the_semicolons_of_its_policies_only() {
        let text = "// one; more\n  permit(a);\n@id(\"x;\\\";\")\nforbid(b)\n; // end";
        let found: Vec<_> = statements(text)
            .unwrap()
            .iter()
            .map(|found| (found.text, found.line, found.operators))
            .collect();
        let expected = [
            ("permit(a);", 2, 1),
            ("@id(\"x;\\\";\")\nforbid(b)\n;", 3, 2),
        ];
        assert_eq!(found, expected);
        assert_eq!(statements(" // no policy").unwrap(), []);
        let lines = statements("permit(\"a\nb\\\nc\");\n;").unwrap();
        assert_eq!(
            lines.iter().map(|found| found.line).collect::<Vec<_>>(),
            [1, 4]
        );
    }

    #[test]
    fn each_count_is_allowed_up_to_its_bound_and_refused_beyond_it() {
        type Text = fn(usize) -> String;

        let nested = |deep: usize| format!("{}{};", "(".repeat(deep), ")".repeat(deep));
        let cases: [(Text, usize); 9] = [
            (
                |deep| format!("{}{};", "(".repeat(deep), ")".repeat(deep)),
                MAX_POLICY_DEPTH,
            ),
            (
                |deep| format!("{}{};", "[".repeat(deep), "]".repeat(deep)),
                MAX_POLICY_DEPTH,
            ),
            (
                |deep| format!("{}{};", "{".repeat(deep), "}".repeat(deep)),
                MAX_POLICY_DEPTH,
            ),
            (
                |many| format!("{};", "!".repeat(many)),
                MAX_POLICY_OPERATORS,
            ),
            (
                |many| format!("a{};", ".b".repeat(many)),
                MAX_POLICY_OPERATORS,
            ),
            (
                |many| format!("a{};", " in b".repeat(many)),
                MAX_POLICY_OPERATORS,
            ),
            (
                |many| format!("a{};", "[b]".repeat(many)),
                MAX_POLICY_OPERATORS,
            ),
            (
                |many| format!("{};", "when ".repeat(many)),
                MAX_POLICY_OPERATORS,
            ),
            (|many| ";".repeat(many), MAX_POLICIES),
        ];
        for (text, bound) in cases {
            assert!(statements(&text(bound)).is_ok(), "{}", text(bound));
            let beyond = text(bound + 1);
            assert!(
                matches!(statements(&beyond), Err(CedarError::TooMuch { .. })),
                "{beyond}"
            );
        }
        let blank = |bytes| statements(&" ".repeat(bytes)).is_ok();
        assert!(blank(MAX_POLICY_BYTES) && !blank(MAX_POLICY_BYTES + 1));
        // Each policy is counted by itself, and what stands in strings and comments is not counted.
        let many = nested(20).repeat(MAX_POLICIES);
        assert!(statements(&many).is_ok());
        let quoted = format!("\"{}\"; // {}", "(".repeat(500), "(".repeat(500));
        assert!(statements(&quoted).is_ok());
        let flat = format!("[{}];", "\"a@b.org\", Group::\"x\", ".repeat(1000));
        assert!(statements(&flat).is_ok());
    }

    #[test]
    fn a_text_that_does_not_end_is_refused_with_its_line() {
        for (text, place) in [
            ("permit(a);\npermit(b)", "line 2"),
            ("\n\npermit(\"b", "line 3"),
            ("permit(\"b\\\"", "line 1"),
        ] {
            let error = statements(text).unwrap_err().to_string();
            assert!(error.contains(place), "{error}");
        }
    }
}
