//! Finds the calls that the texts of a conversation order an obedient model to make.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::model::{Message, Request};

const FORM: &str = "AGENT: call ";

/// A tool, and the argument text as it is written.
type Order = (String, String);

/// The first order of the conversation that was not obeyed yet.
pub(super) fn next_order(request: &Request) -> Option<Order> {
    // Walks the conversation as it happened: a text gives orders, an answer carries orders out.
    let mut open: Vec<Order> = Vec::new();
    let mut given: BTreeMap<Order, usize> = BTreeMap::new();
    let mut read = |open: &mut Vec<Order>, text: &str, is_output: bool| {
        let mut seen: BTreeMap<Order, usize> = BTreeMap::new();
        for order in orders(text, is_output) {
            let times = seen.entry(order.clone()).or_default();
            *times += 1;
            let before = given.entry(order.clone()).or_default();
            if *times > *before {
                *before = *times;
                open.push(order);
            }
        }
    };
    if let Some(system) = &request.system {
        read(&mut open, system, false);
    }
    for message in &request.messages {
        match message {
            Message::System { text } | Message::User { text } => read(&mut open, text, false),
            Message::Tool { outcome, .. } => read(&mut open, outcome, true),
            Message::Assistant { calls, .. } => {
                for call in calls {
                    let obeyed = open
                        .iter()
                        .position(|(tool, text)| *tool == call.name && *text == call.arguments);
                    if let Some(at) = obeyed {
                        open.remove(at);
                    }
                }
            }
        }
    }
    open.into_iter().next()
}

fn orders(text: &str, is_output: bool) -> Vec<Order> {
    let mut found: Vec<Order> = text.lines().filter_map(order).collect();
    // Within JSON text the quotes of an order are escaped, so that no line above was one.
    if is_output
        && let Ok(value) = serde_json::from_str::<Value>(text)
        && found.is_empty()
    {
        strings(&value, &mut found);
    }
    found
}

fn strings(value: &Value, found: &mut Vec<Order>) {
    match value {
        Value::String(text) => found.extend(text.lines().filter_map(order)),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, found)),
        _ => {}
    }
}

fn order(line: &str) -> Option<Order> {
    let (_, rest) = line.split_once(FORM)?;
    let (tool, rest) = rest.trim_start().split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    if !rest.starts_with('{') {
        return None;
    }
    // What follows the object, such as the end of a comment, is not part of it.
    let mut objects = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
    objects.next()?.ok()?;
    let object = rest.get(..objects.byte_offset())?;
    Some((tool.to_owned(), object.to_owned()))
}
