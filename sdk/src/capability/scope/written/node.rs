//! A value of a written scope and its path, so that every error names the path.

use std::collections::BTreeSet;
use std::fmt::Display;

use serde_json::{Map, Value};

use crate::capability::scope::builder::ScopeError;

/// A value and its path.
pub(super) struct Node<'a> {
    path: String,
    pub(super) value: &'a Value,
}

impl<'a> Node<'a> {
    /// The whole scope.
    pub(super) const fn root(value: &'a Value) -> Self {
        Self {
            path: String::new(),
            value,
        }
    }

    /// The member `name` of this object.
    pub(super) fn member(&self, name: &str, value: &'a Value) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self {
            path: format!("{}{dot}{name}", self.path),
            value,
        }
    }

    pub(super) fn fault(&self, what: impl Into<String>) -> ScopeError {
        ScopeError::new(
            if self.path.is_empty() {
                "scope"
            } else {
                &self.path
            },
            what,
        )
    }

    fn expected(&self, what: &str) -> ScopeError {
        self.fault(format!("{what} is expected here, not {}", kind(self.value)))
    }

    pub(super) fn object(&self, what: &str) -> Result<&'a Map<String, Value>, ScopeError> {
        self.value.as_object().ok_or_else(|| self.expected(what))
    }

    /// The members of an object that has no fields but `fields`.
    pub(super) fn fields(
        &self,
        fields: &[&str],
    ) -> Result<impl Fn(&str) -> Option<Node<'a>>, ScopeError> {
        let object = self.object("an object")?;
        match object.keys().find(|key| !fields.contains(&key.as_str())) {
            Some(unknown) => Err(self.unknown("field", unknown, fields)),
            None => Ok(|name: &str| object.get(name).map(|value| self.member(name, value))),
        }
    }

    /// The elements of a list.
    pub(super) fn list(&self, what: &str) -> Result<Vec<Self>, ScopeError> {
        let items = self.value.as_array().ok_or_else(|| self.expected(what))?;
        let element = |(index, value)| Self {
            path: format!("{}[{index}]", self.path),
            value,
        };
        Ok(items.iter().enumerate().map(element).collect())
    }

    pub(super) fn text(&self, what: &str) -> Result<&'a str, ScopeError> {
        self.value.as_str().ok_or_else(|| self.expected(what))
    }

    /// One string or a list of them.
    pub(super) fn texts(&self) -> Result<BTreeSet<String>, ScopeError> {
        match self.value {
            Value::String(text) => Ok(BTreeSet::from([text.clone()])),
            _ => self
                .list("a string or a list of strings")?
                .iter()
                .map(|item| item.text("a string").map(str::to_owned))
                .collect(),
        }
    }

    /// The value that a string parses to.
    pub(super) fn parse<T>(&self, what: &str) -> Result<T, ScopeError>
    where
        T: std::str::FromStr<Err: Display>,
    {
        self.text(what)?
            .parse()
            .map_err(|error: T::Err| self.fault(error.to_string()))
    }

    /// An integer from 0 to `most`.
    pub(super) fn integer(&self, most: u64) -> Result<u64, ScopeError> {
        self.value
            .as_u64()
            .filter(|number| *number <= most)
            .ok_or_else(|| {
                self.fault(format!(
                    "an integer from 0 to {most} is expected here, not {}",
                    shown(self.value)
                ))
            })
    }

    /// A word that is not one of `known`.
    pub(super) fn unknown(&self, what: &str, word: &str, known: &[&str]) -> ScopeError {
        let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        let meant = nearest(word, known)
            .map(|name| format!(", did you mean `{name}`?"))
            .unwrap_or_default();
        self.fault(format!(
            "unknown {what} `{word}`{meant}; one of {}",
            names.join(", ")
        ))
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => format!("`{number}`"),
        other => kind(other).to_owned(),
    }
}

/// The nearest known word, at most two letters away.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.len() > 32 {
        return None;
    }
    let mut near: Vec<_> = known
        .iter()
        .map(|name| (distance(word, name), *name))
        .collect();
    near.sort_unstable();
    let mut near = near.into_iter();
    let (first, name) = near.next()?;
    let alone = near.next().is_none_or(|(second, _)| first < second);
    (alone && first <= 2 && first < name.len()).then_some(name)
}

/// How many letters to insert, drop or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((y, above), diagonal) in b.chars().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or(0);
            next.push(
                (left + 1)
                    .min(above + 1)
                    .min(diagonal + usize::from(x != y)),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
