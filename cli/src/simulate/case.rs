//! Reads a case, which is one line.
//!
//! The line is read strictly but for a call's tool and arguments, whose text is kept as it is: a
//! strange call is denied, and a misspelt case is malformed.

use bailiwick::capability::{Kind, Refusal, Scope, canonical};
use bailiwick::id::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::context::Context;

/// What is wrong with a line.
#[derive(Clone, Debug)]
pub(super) struct Malformed(pub(super) String);

impl Malformed {
    pub(super) fn at(place: &str, what: impl std::fmt::Display) -> Self {
        Self(format!("{place}: {what}"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow, default, deserialize_with = "there")]
    now: Option<&'a RawValue>,
    #[serde(borrow)]
    chain: Vec<&'a RawValue>,
    #[serde(borrow)]
    calls: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCall<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    tool: &'a RawValue,
    #[serde(borrow, default, deserialize_with = "there")]
    args: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    context: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    expect: Option<&'a RawValue>,
}

/// A member that is present, `null` or not.
fn there<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// One line: a chain of scopes, and the calls to check with it.
pub(super) struct Case {
    pub(super) id: Value,
    /// When the token is minted.
    pub(super) now: Timestamp,
    pub(super) chain: Vec<Link>,
    pub(super) calls: Vec<Ask>,
}

/// One scope of the chain.
pub(super) struct Link {
    pub(super) scope: Scope,
    /// When its block is made: `now`, or just before an `expires_at` that is past by then.
    pub(super) made: Timestamp,
}

/// One call.
pub(super) struct Ask {
    pub(super) id: Value,
    /// The name of the tool, if it is a string.
    pub(super) tool: Option<String>,
    /// The text of the arguments.
    pub(super) args: String,
    pub(super) context: Context,
    pub(super) expect: Option<Expect>,
}

/// What a case expects of a call. A member that it does not have may be anything.
pub(super) struct Expect {
    allow: bool,
    kind: Option<Kind>,
    hop: Option<Option<u32>>,
}

impl Case {
    /// Reads a line; `now` is when tokens are minted where the line does not say.
    pub(super) fn read(line: &[u8], now: Timestamp) -> Result<Self, Malformed> {
        let text =
            std::str::from_utf8(line).map_err(|_| Malformed("not text in UTF-8".to_owned()))?;
        let raw: RawCase<'_> = parse("the case", text)?;
        let now = match raw.now {
            Some(text) => moment("now", text)?.floor_to_second(),
            None => now,
        };
        if raw.chain.is_empty() {
            return Err(Malformed::at("chain", "the root's scope is missing"));
        }
        let links = raw
            .chain
            .iter()
            .enumerate()
            .map(|(index, text)| Link::read(index, text, now));
        let calls = raw
            .calls
            .iter()
            .enumerate()
            .map(|(index, text)| Ask::read(&format!("calls[{index}]"), text));
        Ok(Self {
            id: id("id", raw.id)?,
            now,
            chain: links.collect::<Result<_, _>>()?,
            calls: calls.collect::<Result<_, _>>()?,
        })
    }
}

impl Link {
    fn read(index: usize, text: &RawValue, now: Timestamp) -> Result<Self, Malformed> {
        let scope = Scope::from_json(text.get())
            .map_err(|error| Malformed::at(&format!("chain[{index}]"), error))?;
        // The name may be written with escapes; most scopes have neither.
        let written = text.get().contains("expires_at") || text.get().contains('\\');
        let end = written.then(|| scope.to_json());
        let end = end
            .as_ref()
            .and_then(|scope| scope.get("expires_at")?.as_str()?.parse::<Timestamp>().ok());
        let before = end.map(|end| end.saturating_sub(std::time::Duration::from_secs(1)));
        Ok(Self {
            scope,
            made: before.map_or(now, |before| before.min(now)),
        })
    }
}

impl Ask {
    fn read(place: &str, text: &RawValue) -> Result<Self, Malformed> {
        let raw: RawCall<'_> = parse(place, text.get())?;
        let inner = |name: &str| format!("{place}.{name}");
        let strict = |name: &str, text: &RawValue| {
            canonical::read(text.get()).map_err(|error| Malformed::at(&inner(name), error))
        };
        Ok(Self {
            id: id(&inner("id"), raw.id)?,
            tool: serde_json::from_str(raw.tool.get()).ok(),
            args: raw.args.map_or("{}", RawValue::get).to_owned(),
            context: match raw.context {
                Some(text) => Context::read(&inner("context"), &strict("context", text)?)?,
                None => Context::default(),
            },
            expect: match raw.expect {
                Some(text) => Some(Expect::read(&inner("expect"), &strict("expect", text)?)?),
                None => None,
            },
        })
    }
}

impl Expect {
    fn read(place: &str, value: &Value) -> Result<Self, Malformed> {
        let (verdict, members) = match value {
            Value::Object(members) => (members.get("verdict"), Some(members)),
            other => (Some(other), None),
        };
        let allow = match verdict.and_then(Value::as_str) {
            Some("allow") => true,
            Some("deny") => false,
            _ => {
                return Err(Malformed::at(
                    place,
                    "`allow`, `deny`, or an object with a `verdict` that is one of them, is expected here",
                ));
            }
        };
        let mut expect = Self {
            allow,
            kind: None,
            hop: None,
        };
        for (name, value) in members.into_iter().flatten() {
            match (name.as_str(), value) {
                ("verdict", _) | ("kind", Value::Null) => {}
                ("kind", kind) => {
                    let kind = Kind::deserialize(kind).map_err(|_| {
                        Malformed::at(place, format!("{kind} is not a kind of denial"))
                    })?;
                    expect.kind = Some(kind);
                }
                ("hop", Value::Null) => expect.hop = Some(None),
                ("hop", hop) => {
                    let number = hop.as_u64().and_then(|hop| u32::try_from(hop).ok());
                    expect.hop = Some(Some(number.ok_or_else(|| {
                        Malformed::at(place, format!("{hop} is not the number of a hop"))
                    })?));
                }
                (other, _) => {
                    return Err(Malformed::at(
                        place,
                        format!("unknown field `{other}`; one of `verdict`, `kind`, `hop`"),
                    ));
                }
            }
        }
        if allow && (expect.kind.is_some() || expect.hop.flatten().is_some()) {
            return Err(Malformed::at(
                place,
                "an allowed call has no `kind` and no `hop`",
            ));
        }
        Ok(expect)
    }

    /// Whether the answer is the one expected.
    pub(super) fn fits(&self, refused: Option<(Kind, Option<u32>)>) -> bool {
        self.allow == refused.is_none()
            && self
                .kind
                .is_none_or(|kind| refused.is_some_and(|(other, _)| kind == other))
            && self
                .hop
                .is_none_or(|hop| refused.and_then(|(_, other)| other) == hop)
    }
}

impl std::fmt::Display for Expect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.allow { "allow" } else { "deny" })?;
        if let Some(kind) = self.kind {
            write!(f, " {kind}")?;
        }
        match self.hop {
            Some(Some(hop)) => write!(f, " at hop {hop}"),
            Some(None) if !self.allow => f.write_str(" at no hop"),
            _ => Ok(()),
        }
    }
}

/// The refusal of a call whose tool has no name.
pub(super) fn nameless() -> Refusal {
    Refusal::new(Kind::Tool, "the tool is not a string")
}

/// The name of a case or call: a string or an integer.
fn id(place: &str, text: &RawValue) -> Result<Value, Malformed> {
    let value = canonical::read(text.get()).map_err(|error| Malformed::at(place, error))?;
    match value {
        Value::String(_) => Ok(value),
        Value::Number(ref number) if number.is_i64() || number.is_u64() => Ok(value),
        _ => Err(Malformed::at(place, "a string is expected here")),
    }
}

fn moment(place: &str, text: &RawValue) -> Result<Timestamp, Malformed> {
    parse::<Timestamp>(place, text.get())
}

/// Reads JSON of one line; the place in it is a column.
fn parse<'a, T: Deserialize<'a>>(place: &str, text: &'a str) -> Result<T, Malformed> {
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let suffix = format!(" at line {} column {}", error.line(), error.column());
        let what = message.strip_suffix(&suffix).unwrap_or(&message);
        Malformed(format!("{place}, column {}: {what}", error.column()))
    })
}
