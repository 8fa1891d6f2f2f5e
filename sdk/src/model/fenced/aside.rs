//! What a model says aside: its thinking, and what it quotes between tags. Nothing in it is a call.

/// How something aside begins and ends, and whether it is thinking. A beginning that is a tag without
/// its `>` may have attributes.
const ASIDES: [(&str, &str, bool); 18] = [
    ("<think", "</think>", true),
    ("<thinking", "</thinking>", true),
    ("<thought", "</thought>", true),
    ("<thoughts", "</thoughts>", true),
    ("<reasoning", "</reasoning>", true),
    ("<reflection", "</reflection>", true),
    ("<scratchpad", "</scratchpad>", true),
    ("<seed:think", "</seed:think>", true),
    ("[think]", "[/think]", true),
    ("◁think▷", "◁/think▷", true),
    ("<|begin_of_thought|>", "<|end_of_thought|>", true),
    ("<|start_thinking|>", "<|end_thinking|>", true),
    ("<|channel|>analysis", "<|end|>", false),
    ("<blockquote", "</blockquote>", false),
    ("<quote", "</quote>", false),
    ("<pre", "</pre>", false),
    ("<code", "</code>", false),
    ("<tool_response", "</tool_response>", false),
];

/// Whether the reader is in something aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aside {
    None,
    /// In one of [`ASIDES`], so often within itself.
    Within {
        which: usize,
        depth: usize,
    },
}

/// What changes in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    None,
    /// Something aside begins.
    Begins,
    /// It ends.
    Ends,
    /// Thinking ends that never began: the server set its beginning into the prompt.
    Unopened,
}

impl Aside {
    /// The first edge in `line`, with where it begins and ends. Without one both are the line's end.
    ///
    /// In a fence nothing begins.
    pub(super) fn next(&mut self, line: &str, in_fence: bool) -> (usize, usize, Edge) {
        let mut before = ' ';
        for (at, letter) in line.char_indices() {
            let is_code = std::mem::replace(&mut before, letter) == '`';
            if !matches!(letter, '<' | '[' | '◁') || is_code {
                continue;
            }
            let rest = line.get(at..).unwrap_or_default();
            if let Some((length, edge)) = self.edge(rest, in_fence) {
                return (at, at + length, edge);
            }
        }
        (line.len(), line.len(), Edge::None)
    }

    fn edge(&mut self, rest: &str, in_fence: bool) -> Option<(usize, Edge)> {
        match *self {
            Self::None => {
                ASIDES
                    .iter()
                    .enumerate()
                    .find_map(|(which, (open, close, is_thinking))| {
                        if !in_fence && let Some(length) = begins(rest, open) {
                            *self = Self::Within { which, depth: 1 };
                            return Some((length, Edge::Begins));
                        }
                        let ends = *is_thinking && has_prefix(rest, close);
                        ends.then_some((close.len(), Edge::Unopened))
                    })
            }
            Self::Within { which, depth } => {
                let (open, close, _) = ASIDES.get(which)?;
                if has_prefix(rest, close) {
                    let (now, edge) = match depth {
                        1 => (Self::None, Edge::Ends),
                        _ => (
                            Self::Within {
                                which,
                                depth: depth - 1,
                            },
                            Edge::None,
                        ),
                    };
                    *self = now;
                    return (edge == Edge::Ends).then_some((close.len(), edge));
                }
                if begins(rest, open).is_some() {
                    *self = Self::Within {
                        which,
                        depth: depth + 1,
                    };
                }
                None
            }
        }
    }
}

/// How long the beginning `open` is, if `text` has it.
fn begins(text: &str, open: &str) -> Option<usize> {
    let after = text.get(open.len()..).filter(|_| has_prefix(text, open))?;
    let is_whole = !open.starts_with('<') || open.contains('|');
    let is_tag = is_whole || after.starts_with(|c: char| c == '>' || c.is_whitespace());
    let close = if is_whole || !after.starts_with('>') {
        0
    } else {
        1
    };
    is_tag.then_some(open.len() + close)
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
