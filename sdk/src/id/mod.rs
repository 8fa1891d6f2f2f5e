//! Identifiers: UUID newtypes, and the one type for a moment in time.

pub(crate) mod hex;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id, ordered by the time it was made (UUID version 7, RFC 9562).
            #[must_use]
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
            }

            /// The uuid itself.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id! {
    /// One agent: a node in the tree of a run.
    AgentId
}
id! {
    /// One run: a root agent, its task, and every agent that it spawned.
    RunId
}
id! {
    /// One call as the runtime counts it (the token's own call id is 16 random bytes).
    CallId
}

/// A moment in time: milliseconds since 1970-01-01T00:00:00Z, up to the end of the year 9999.
///
/// Tokens carry whole seconds; a caveat `time < e` compares the second that the moment lies in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

/// 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
const LAST_SECOND: u64 = 253_402_300_799;

/// A text that is not a moment between 1970 and 9999 in RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an RFC 3339 time between 1970 and 9999, such as `2026-01-31T12:00:00Z`")]
pub struct TimestampError {
    text: String,
}

impl Timestamp {
    /// The latest moment: the last second of the year 9999.
    pub const MAX: Self = Self(LAST_SECOND * 1000);

    /// The moment `seconds` after 1970-01-01T00:00:00Z; later than [`Timestamp::MAX`] is `None`.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Option<Self> {
        if seconds <= LAST_SECOND {
            Some(Self(seconds * 1000))
        } else {
            None
        }
    }

    /// The moment `millis` after 1970-01-01T00:00:00Z; later than the year 9999 is `None`.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Option<Self> {
        if millis < (LAST_SECOND + 1) * 1000 {
            Some(Self(millis))
        } else {
            None
        }
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.0 / 1000
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The start of the second that this moment lies in.
    #[must_use]
    pub const fn floor_to_second(self) -> Self {
        Self(self.0 / 1000 * 1000)
    }

    /// This moment and `duration`, stopping at [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis)).min(Self::MAX)
    }

    /// This moment less `duration`, stopping at 1970.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// How long after `earlier` this moment is; zero when it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i128::from(self.0) * 1_000_000;
        let text = OffsetDateTime::from_unix_timestamp_nanos(nanos)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok());
        match text {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let wrong = || TimestampError {
            text: text.chars().take(64).collect(),
        };
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong())?;
        u64::try_from(moment.unix_timestamp_nanos() / 1_000_000)
            .ok()
            .filter(|_| moment.unix_timestamp() >= 0)
            .and_then(Self::from_millis)
            .ok_or_else(wrong)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_what_it_writes() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2026-01-31T12:00:00.25Z",
            "9999-12-31T23:59:59Z",
        ] {
            let moment: Timestamp = text.parse().unwrap();
            assert_eq!(moment.to_string(), text);
        }
    }

    #[test]
    fn times_outside_the_range_are_refused() {
        for text in [
            "1969-12-31T23:59:59Z",
            "1969-12-31T23:59:59.9Z",
            "10000-01-01T00:00:00Z",
            "soon",
            "",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_secs(LAST_SECOND + 1), None);
    }

    #[test]
    fn ids_are_ordered_by_when_they_were_made() {
        let ids: Vec<_> = (0..100).map(|_| CallId::fresh()).collect();
        assert!(ids.is_sorted());
    }
}
