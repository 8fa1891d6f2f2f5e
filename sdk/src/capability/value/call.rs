//! What an agent asks to do: a capability and its arguments.

use std::fmt;

use serde_json::{Map, Value};

use super::canonical;
use super::canonical::Member;
use super::reading::Reading;
use super::refusal::{Kind, Refusal};
use crate::capability::keys::PublicKey;
use crate::id::hex::{self, Hex};

/// One argument: its name and its readings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arg {
    pub(crate) name: String,
    pub(crate) reading: Reading,
}

/// The 16 random bytes that identify one call: its id, and the nonce on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallNonce(pub [u8; 16]);

impl CallNonce {
    /// Fresh random bytes from the operating system.
    #[must_use]
    pub fn fresh() -> Self {
        Self(crate::capability::keys::random())
    }
}

impl fmt::Debug for CallNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallNonce({})", Hex(&self.0))
    }
}

/// What an agent asks to do: one capability, with one value for its arguments.
///
/// The value is fixed when the call is made; facts, digest, approval and the input of the tool's body all
/// come from it.
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
    /// [`Kind::Argument`] when canonical JSON cannot write the arguments (nesting over 32, or an
    /// integer of more than 64 bits), or when their text has more than [`MAX_ARGUMENTS`] bytes.
    ///
    /// [`MAX_ARGUMENTS`]: crate::capability::MAX_ARGUMENTS
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
    /// any depth, a lone surrogate, nesting over 32, an integer of more than 64 bits. A text of more
    /// than [`MAX_ARGUMENTS`](crate::capability::MAX_ARGUMENTS) bytes is refused before it is read.
    pub fn parse(capability: impl Into<String>, text: &str) -> Result<Self, Refusal> {
        let arguments = canonical::read_object(text).map_err(argument)?;
        Self::new(capability, arguments)
    }

    /// As [`Call::new`], with the nonce of a call that was made before.
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
        canonical::arguments_fit(&arguments).map_err(argument)?;
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

    /// The arguments: the one value that every check and the tool's body read.
    #[must_use]
    pub fn arguments(&self) -> &Map<String, Value> {
        &self.value
    }

    /// The id of this one call.
    #[must_use]
    pub const fn nonce(&self) -> CallNonce {
        self.nonce
    }

    /// Arguments with their readings, sorted by name.
    pub(crate) fn args(&self) -> &[Arg] {
        &self.args
    }

    /// The digest that an approval signs: SHA-256 over `bailiwick/call/1\0` and the canonical JSON of
    /// capability, arguments, holder, task, audience and id (`token.md` §3, Digest).
    #[must_use]
    pub fn digest(
        &self,
        holder: &PublicKey,
        task: Option<&str>,
        audience: Option<&str>,
    ) -> [u8; 32] {
        let (holder, id) = (holder.to_string(), hex::write(&self.nonce.0));
        let members = [
            ("args", Some(Member::Object(&self.value))),
            ("audience", audience.map(Member::Text)),
            ("capability", Some(Member::Text(&self.capability))),
            ("holder", Some(Member::Text(&holder))),
            ("id", Some(Member::Text(&id))),
            ("task", task.map(Member::Text)),
        ];
        let there = members
            .into_iter()
            .filter_map(|(name, member)| Some((name, member?)));
        canonical::digest_of(b"bailiwick/call/1\0", there)
    }
}

fn argument(error: canonical::JsonError) -> Refusal {
    Refusal::new(Kind::Argument, error.to_string())
}
