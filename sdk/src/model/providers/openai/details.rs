//! `reasoning_details`: thoughts in parts, which arrive in pieces and go back whole.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::super::fault::wrong;
use crate::model::ModelError;

/// The members that arrive in pieces.
const TEXTS: [&str; 3] = ["text", "summary", "data"];

/// A part, whose members are in one order whatever order `serde_json` keeps.
type Part = BTreeMap<String, Value>;

/// The parts so far.
#[derive(Default)]
pub(super) struct Details(Vec<Part>);

impl Details {
    /// Takes the parts of one piece: a part goes on with the last one where it has its index and type.
    ///
    /// # Errors
    ///
    /// When it is not an array of objects.
    pub(super) fn push(&mut self, raw: &RawValue) -> Result<(), ModelError> {
        let parts: Vec<Part> = serde_json::from_str(raw.get())
            .map_err(|error| wrong(format_args!("`reasoning_details` is {error}")))?;
        for part in parts {
            match self.0.last_mut() {
                Some(last) if is_same(last, &part) => join(last, part),
                _ => self.0.push(part),
            }
        }
        Ok(())
    }

    /// The parts as JSON, or `None` where there is no part.
    pub(super) fn into_json(self) -> Option<String> {
        (!self.0.is_empty())
            .then(|| serde_json::to_string(&self.0).ok())
            .flatten()
    }
}

fn is_same(last: &Part, part: &Part) -> bool {
    let index = part.get("index").filter(|index| !index.is_null());
    index.is_some() && last.get("index") == index && last.get("type") == part.get("type")
}

fn join(last: &mut Part, part: Part) {
    for (name, value) in part {
        match (last.get_mut(&name), value) {
            (_, Value::Null) => {}
            (Some(Value::String(text)), Value::String(more)) if TEXTS.contains(&&*name) => {
                // Some servers send all of the text with each piece.
                if !text.is_empty() && more.starts_with(&**text) {
                    *text = more;
                } else {
                    text.push_str(&more);
                }
            }
            (_, value) => {
                last.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pieces: &[&str]) -> String {
        let mut details = Details::default();
        for piece in pieces {
            let raw = RawValue::from_string((*piece).to_owned()).unwrap();
            details.push(&raw).unwrap();
        }
        details.into_json().unwrap_or_default()
    }

    #[test]
    fn pieces_of_a_part_are_joined_and_parts_are_not() {
        let joined = joined(&[
            r#"[{"type":"reasoning.text","index":0,"text":"I ","signature":null}]"#,
            r#"[{"type":"reasoning.text","index":0,"text":"think","signature":"s1g"}]"#,
            r#"[{"type":"reasoning.encrypted","index":0,"data":"aa"}]"#,
            r#"[{"type":"reasoning.encrypted","index":1,"data":"bb"}]"#,
        ]);
        let right = r#"[{"index":0,"signature":"s1g","text":"I think","type":"reasoning.text"},{"data":"aa","index":0,"type":"reasoning.encrypted"},{"data":"bb","index":1,"type":"reasoning.encrypted"}]"#;
        assert_eq!(joined, right);
    }

    #[test]
    fn a_text_that_is_sent_whole_each_time_is_there_once() {
        let joined = joined(&[
            r#"[{"type":"t","index":0,"text":"I"}]"#,
            r#"[{"type":"t","index":0,"text":"I think"}]"#,
        ]);
        assert_eq!(joined, r#"[{"index":0,"text":"I think","type":"t"}]"#);
    }
}
