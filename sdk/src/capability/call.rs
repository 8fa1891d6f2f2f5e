//! What an agent asks to do: a capability, its arguments, and every reading that a constraint
//! may take of them.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use super::canonical;
use super::decimal::Decimal;
use super::keys::PublicKey;
use super::normal::{self, UrlParts};
use super::refusal::{Kind, Refusal};

/// A value as a token compares it: a string, a truth value, a number of at most six decimals, or
/// the SHA-256 of the canonical JSON of anything else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    /// A string.
    Str(String),
    /// A truth value.
    Bool(bool),
    /// A number that fits [`Decimal`].
    Num(Decimal),
    /// An array, an object, or a number that does not fit [`Decimal`].
    Hash([u8; 32]),
}

/// Which of the four types an [`Atom`] has; sets hold atoms of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum AtomType {
    Str,
    Bool,
    Num,
    Hash,
}

impl Atom {
    /// The atom of a JSON value; `null` has none, nor has what canonical JSON cannot write.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::String(text) => Some(Self::Str(text.clone())),
            Value::Bool(truth) => Some(Self::Bool(*truth)),
            Value::Number(number) => match Decimal::of(number) {
                Some(decimal) => Some(Self::Num(decimal)),
                None => canonical::check(value)
                    .ok()
                    .map(|()| Self::Hash(canonical::hash(value))),
            },
            Value::Array(_) | Value::Object(_) => canonical::check(value)
                .ok()
                .map(|()| Self::Hash(canonical::hash(value))),
        }
    }

    pub(crate) const fn kind(&self) -> AtomType {
        match self {
            Self::Str(_) => AtomType::Str,
            Self::Bool(_) => AtomType::Bool,
            Self::Num(_) => AtomType::Num,
            Self::Hash(_) => AtomType::Hash,
        }
    }
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str(text) => write!(f, "{text:?}"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Num(number) => write!(f, "{number}"),
            Self::Hash(hash) => write!(f, "sha256:{}", Hex(hash)),
        }
    }
}

impl From<&str> for Atom {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<String> for Atom {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<bool> for Atom {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Decimal> for Atom {
    fn from(number: Decimal) -> Self {
        Self::Num(number)
    }
}

impl From<i32> for Atom {
    fn from(number: i32) -> Self {
        Self::Num(number.into())
    }
}

/// Bytes in lower-case hexadecimal.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The elements of a non-empty array whose elements have one type; order and repetition are gone.
pub type AtomSet = BTreeSet<Atom>;

/// Every reading of one argument. A reading that does not apply is `None`: no fact, so a
/// constraint that asks for it refuses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    pub(crate) str: Option<String>,
    pub(crate) bool: Option<bool>,
    pub(crate) num: Option<Decimal>,
    pub(crate) set: Option<AtomSet>,
    pub(crate) json: Option<[u8; 32]>,
    /// With a trailing slash.
    pub(crate) path: Option<String>,
    pub(crate) url: Option<UrlParts>,
    /// With a leading dot.
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

    /// Whether the value is this atom, type included.
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

/// One argument: its name and its readings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arg {
    pub(crate) name: String,
    pub(crate) reading: Reading,
}

/// The 16 random bytes that make a call itself and no other: its id, and the nonce on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallNonce(pub [u8; 16]);

impl CallNonce {
    /// Fresh random bytes from the operating system.
    #[must_use]
    pub fn fresh() -> Self {
        Self(super::keys::random())
    }
}

impl fmt::Debug for CallNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallNonce({})", Hex(&self.0))
    }
}

/// What an agent asks to do: one capability, with one value for its arguments.
///
/// The value is fixed when the call is made; facts, digest, approval and the tool's body all come
/// from it.
#[derive(Clone, Debug)]
pub struct Call {
    capability: String,
    value: Map<String, Value>,
    args: Vec<Arg>,
    nonce: CallNonce,
}

impl Call {
    /// A call of `capability` with these arguments; members that are `null` are dropped.
    ///
    /// # Errors
    ///
    /// [`Kind::Argument`] when canonical JSON cannot write the arguments: nesting over 32, or an
    /// integer of more than 64 bits.
    pub fn new(
        capability: impl Into<String>,
        arguments: Map<String, Value>,
    ) -> Result<Self, Refusal> {
        Self::with_nonce(capability, arguments, CallNonce::fresh())
    }

    /// As [`Call::new`], from the text that a model or a client sent.
    ///
    /// # Errors
    ///
    /// [`Kind::Argument`] when the text is not one JSON object, read strictly: a duplicate key at
    /// any depth, a lone surrogate, nesting over 32, an integer of more than 64 bits.
    pub fn parse(capability: impl Into<String>, text: &str) -> Result<Self, Refusal> {
        let arguments = canonical::read_object(text).map_err(argument)?;
        Self::new(capability, arguments)
    }

    /// As [`Call::new`], with the nonce of a call that was asked before.
    ///
    /// # Errors
    ///
    /// As [`Call::new`].
    pub fn with_nonce(
        capability: impl Into<String>,
        mut arguments: Map<String, Value>,
        nonce: CallNonce,
    ) -> Result<Self, Refusal> {
        arguments.retain(|_, value| !value.is_null());
        for value in arguments.values() {
            canonical::check(value).map_err(argument)?;
        }
        let mut args = arguments
            .iter()
            .map(|(name, value)| Arg {
                name: name.clone(),
                reading: Reading::of(value),
            })
            .collect::<Vec<_>>();
        args.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            capability: capability.into(),
            value: arguments,
            args,
            nonce,
        })
    }

    /// The capability that is called, such as `fs.read`.
    #[must_use]
    pub fn capability(&self) -> &str {
        &self.capability
    }

    /// The arguments: the one value that everything reads.
    #[must_use]
    pub fn arguments(&self) -> &Map<String, Value> {
        &self.value
    }

    /// The id of this very call.
    #[must_use]
    pub const fn nonce(&self) -> CallNonce {
        self.nonce
    }

    /// Arguments with their readings, sorted by name.
    pub(crate) fn args(&self) -> &[Arg] {
        &self.args
    }

    /// What an approval signs: SHA-256 over `bailiwick/call/1\0` and the canonical JSON of
    /// capability, arguments, holder, task, audience and id (`token.md` §3, Digest).
    #[must_use]
    pub fn digest(
        &self,
        holder: &PublicKey,
        task: Option<&str>,
        audience: Option<&str>,
    ) -> [u8; 32] {
        let mut body = Map::new();
        body.insert("args".to_owned(), Value::Object(self.value.clone()));
        if let Some(audience) = audience {
            body.insert("audience".to_owned(), audience.into());
        }
        body.insert("capability".to_owned(), self.capability.as_str().into());
        body.insert("holder".to_owned(), holder.to_string().into());
        body.insert("id".to_owned(), Hex(&self.nonce.0).to_string().into());
        if let Some(task) = task {
            body.insert("task".to_owned(), task.into());
        }
        canonical::digest(b"bailiwick/call/1\0", &Value::Object(body))
    }
}

fn argument(error: canonical::JsonError) -> Refusal {
    Refusal::new(Kind::Argument, error.to_string())
}
