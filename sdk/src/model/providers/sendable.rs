//! Names and ids that every provider takes.
//!
//! A model makes up names of tools that do not exist, and servers make up ids. Some of them, sent back as
//! they are, make every later request of the conversation fail.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::model::{Message, Request};

/// The longest name of a tool that all providers take.
const MAX_NAME_BYTES: usize = 64;
/// The longest id of a call that all providers take.
const MAX_ID_BYTES: usize = 40;

/// What the names and ids of one request are sent as.
///
/// One that providers take is sent as it is. Any other gets a name of its own: its plain characters, and a
/// part of its SHA-256. The same text always gets the same name, and two texts never get one.
pub(super) struct Sendable {
    names: Table,
    ids: Table,
}

impl Sendable {
    /// The table for this request.
    pub(super) fn of(request: &Request) -> Self {
        let (mut names, mut ids) = (Vec::new(), Vec::new());
        names.extend(request.tools.iter().map(|tool| tool.name.as_str()));
        for message in &request.messages {
            match message {
                Message::Assistant { calls, .. } => {
                    names.extend(calls.iter().map(|call| call.name.as_str()));
                    ids.extend(calls.iter().map(|call| call.id.as_str()));
                }
                Message::Tool { call_id, .. } => ids.push(call_id),
                Message::System { .. } | Message::User { .. } => {}
            }
        }
        // Gemini takes no name that begins with a digit or a dash.
        let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
        Self {
            names: Table::new(&names, "tool", MAX_NAME_BYTES, is_first),
            ids: Table::new(&ids, "call", MAX_ID_BYTES, |_| true),
        }
    }

    /// What the name of a tool is sent as.
    pub(super) fn name<'a>(&'a self, name: &'a str) -> &'a str {
        self.names.get(name)
    }

    /// What the id of a call is sent as.
    pub(super) fn id<'a>(&'a self, id: &'a str) -> &'a str {
        self.ids.get(id)
    }

    /// The name of the tool of `request` that is sent as `sent`; the same text where there is no such tool.
    pub(super) fn meant<'a>(&self, request: &'a Request, sent: &'a str) -> &'a str {
        let is_sent = |name: &&str| self.name(name) == sent;
        let mut names = request.tools.iter().map(|tool| tool.name.as_str());
        names.find(is_sent).unwrap_or(sent)
    }
}

/// The texts that are sent as something else.
struct Table(HashMap<String, String>);

impl Table {
    fn new(texts: &[&str], stem: &str, max: usize, is_first: impl Fn(&u8) -> bool) -> Self {
        let begins = |text: &str| text.as_bytes().first().is_some_and(&is_first);
        let is_plain = |text: &str| {
            (1..=max).contains(&text.len()) && text.bytes().all(is_plain_byte) && begins(text)
        };
        let mut taken: HashSet<Cow<'_, str>> = texts
            .iter()
            .filter(|text| is_plain(text))
            .map(|text| Cow::Borrowed(*text))
            .collect();
        let mut table = HashMap::new();
        for text in texts.iter().filter(|text| !is_plain(text)) {
            if table.contains_key(*text) {
                continue;
            }
            let digest = Sha256::digest(text.as_bytes());
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let stem = |length| match plain(text, stem, &digest, length, max) {
                sent if begins(&sent) => sent,
                _ => plain(&format!("{stem}_{text}"), stem, &digest, length, max),
            };
            let mut length = 12;
            let mut sent = stem(length);
            while taken.contains(sent.as_str()) && length < max {
                length += 1;
                sent = stem(length);
            }
            taken.insert(Cow::Owned(sent.clone()));
            table.insert((*text).to_owned(), sent);
        }
        Self(table)
    }

    fn get<'a>(&'a self, text: &'a str) -> &'a str {
        self.0.get(text).map_or(text, String::as_str)
    }
}

const fn is_plain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The plain characters of `text`, and so many digits of its digest.
fn plain(text: &str, stem: &str, digest: &str, length: usize, max: usize) -> String {
    let digest: String = digest.chars().take(length).collect();
    let room = max.saturating_sub(digest.len() + 1);
    let mut out: String = text
        .bytes()
        .map(|byte| {
            if is_plain_byte(byte) {
                char::from(byte)
            } else {
                '_'
            }
        })
        .take(room)
        .collect();
    if !out.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        stem.clone_into(&mut out);
        out.truncate(room);
    }
    out.push('_');
    out.push_str(&digest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ToolCall;

    fn calling(calls: &[(&str, &str)]) -> Sendable {
        Sendable::of(&Request::new([Message::Assistant {
            text: None,
            calls: calls
                .iter()
                .map(|(id, name)| ToolCall::new(*id, *name, "{}"))
                .collect(),
            carried: Vec::new(),
        }]))
    }

    #[test]
    fn what_providers_take_stays_and_the_rest_is_made_sendable() {
        let long = "x".repeat(200);
        let id = "c".repeat(128);
        let names = [
            "",
            "no such tool / x",
            &long,
            "поиск.веб",
            "...",
            "\u{0}",
            "fs.read",
            "9lives",
            "-rm",
            "9 lives",
        ];
        for name in names {
            let table = calling(&[(&id, name), ("call_9-A", "fs_read")]);
            let sent = table.name(name);
            assert!((1..=64).contains(&sent.len()), "{sent}");
            assert!(sent.bytes().all(is_plain_byte), "{sent}");
            assert!(!sent.starts_with(|first: char| first == '-' || first.is_ascii_digit()));
            assert_eq!(
                sent,
                calling(&[("", name)]).name(name),
                "the same each time"
            );
            assert!((1..=40).contains(&table.id(&id).len()));
            assert_eq!(
                (table.id("call_9-A"), table.name("fs_read")),
                ("call_9-A", "fs_read")
            );
        }
        let table = calling(&[("", "a"), (" ", "a"), (&id, "a"), ("call|fc_1", "a")]);
        for id in ["", " ", &id, "call|fc_1"] {
            let sent = table.id(id);
            assert!(
                (1..=40).contains(&sent.len()) && sent.bytes().all(is_plain_byte),
                "{sent}"
            );
        }
    }

    #[test]
    fn two_texts_never_get_one_name() {
        let first = calling(&[("1", "a b")]).name("a b").to_owned();
        // A model names a tool as the other is sent.
        let table = calling(&[("1", "a b"), ("2", &first), ("3", "a/b"), ("4", "a.b")]);
        let sent: HashSet<&str> = ["a b", &first, "a/b", "a.b"]
            .into_iter()
            .map(|name| table.name(name))
            .collect();
        assert_eq!(sent.len(), 4);
        assert_eq!(table.name(&first), first);
    }
}
