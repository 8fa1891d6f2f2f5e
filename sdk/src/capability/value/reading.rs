//! Every reading that a constraint may take of one argument.

use serde_json::Value;

use super::atom::{Atom, AtomSet};
use super::canonical;
use super::decimal::Decimal;
use super::normal;
use super::normal::UrlParts;

/// Every reading of one argument. A reading that does not apply is `None`: there is no fact, so a
/// constraint that asks for it refuses the argument.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    pub(crate) str: Option<String>,
    pub(crate) bool: Option<bool>,
    pub(crate) num: Option<Decimal>,
    pub(crate) set: Option<AtomSet>,
    pub(crate) json: Option<[u8; 32]>,
    /// The path, with a trailing slash.
    pub(crate) path: Option<String>,
    pub(crate) url: Option<UrlParts>,
    /// The host, with a leading dot.
    pub(crate) host: Option<String>,
    pub(crate) ip4: Option<u32>,
    pub(crate) ip6: Option<u128>,
}

impl Reading {
    /// The readings of a JSON value that [`canonical::check`] passed.
    pub(crate) fn of(value: &Value) -> Self {
        let mut reading = Self::default();
        match value {
            Value::Null => {}
            Value::Bool(truth) => reading.bool = Some(*truth),
            Value::Number(number) => match Decimal::of(number) {
                Some(decimal) => reading.num = Some(decimal),
                None => reading.json = Some(canonical::hash(value)),
            },
            Value::String(text) => {
                reading.path = normal::path(text);
                reading.url = normal::url(text);
                reading.host = normal::host(text);
                reading.ip4 = normal::ip4(text);
                reading.ip6 = normal::ip6(text);
                reading.str = Some(text.clone());
            }
            Value::Array(items) => {
                reading.json = Some(canonical::hash(value));
                reading.set = uniform(items);
            }
            Value::Object(_) => reading.json = Some(canonical::hash(value)),
        }
        reading
    }

    /// Whether the value equals this atom, type included.
    pub(crate) fn is(&self, atom: &Atom) -> bool {
        match atom {
            Atom::Str(text) => self.str.as_deref() == Some(text),
            Atom::Bool(truth) => self.bool == Some(*truth),
            Atom::Num(number) => self.num == Some(*number),
            Atom::Hash(hash) => self.json.as_ref() == Some(hash),
        }
    }
}

/// The set of a non-empty array whose elements have one type.
fn uniform(items: &[Value]) -> Option<AtomSet> {
    let set: AtomSet = items.iter().map(Atom::of).collect::<Option<_>>()?;
    let first = set.first()?.kind();
    set.iter().all(|atom| atom.kind() == first).then_some(set)
}
