//! The types of resources.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value, json};

use super::{Resource, sealed};
use crate::capability::normal;
use crate::guard::Allowed;
use crate::tool::fs::{Access, FsError, Reach};
use crate::tool::schema::Parameter;

/// What a call was allowed to do with a resource; none before the call is allowed.
#[derive(Clone, Default)]
pub(crate) struct Admission(pub(crate) Option<(String, Arc<Allowed>)>);

macro_rules! resource {
    ($(#[$doc:meta])* $name:ident, $format:literal, $wrong:literal, $normal:expr) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            text: String,
            admission: Admission,
        }

        impl $name {
            /// The text, in normal form.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let normal: fn(&str) -> bool = $normal;
                if normal(&text) {
                    Ok(Self { text, admission: Admission::default() })
                } else {
                    let shown: String = text.chars().take(200).collect();
                    Err(de::Error::custom(format!(concat!("`{}` is not ", $wrong), shown)))
                }
            }
        }

        impl Parameter for $name {
            fn schema() -> Value {
                json!({ "type": "string", "format": $format })
            }
        }

        impl sealed::Sealed for $name {}

        impl Resource for $name {
            fn admit(&mut self, name: &str, allowed: &Arc<Allowed>) {
                self.admission = Admission(Some((name.to_owned(), allowed.clone())));
            }
        }
    };
}

resource! {
    /// An absolute path in normal form: no `.`, `..`, `//`, backslash, control or hidden character.
    SafePath, "path",
    "an absolute path in normal form (no `.`, `..`, `//`, trailing slash, backslash or control character, nothing that reads as one of them, and no escape of one)",
    |text| normal::path(text).is_some()
}

resource! {
    /// An `http` or `https` URL in normal form: as the WHATWG parser would write it, without user
    /// information or fragment.
    HttpUrl, "uri",
    "an http or https URL in normal form (lower-case host, a path, no user information, fragment, `..` or default port)",
    |text| normal::url(text).is_some()
}

resource! {
    /// A host name in lower-case ASCII, or an address as a URL writes it.
    Host, "hostname",
    "a host name in lower case, without a trailing dot",
    |text| normal::host(text).is_some()
}

resource! {
    /// An IP address in its one spelling.
    Ip, "ip",
    "an IP address in its usual spelling",
    |text| normal::ip4(text).is_some() || normal::ip6(text).is_some()
}

impl SafePath {
    /// What a door to files may open: the path, beneath the innermost directory that was granted.
    ///
    /// # Errors
    ///
    /// [`FsError::Denied`] before the call was allowed, and where the argument that the tool
    /// names is not this path.
    pub fn access(&self) -> Result<Access, FsError> {
        let admitted = self
            .admission
            .0
            .as_ref()
            .filter(|(name, allowed)| allowed.is(name, &self.text));
        let (name, allowed) = admitted.ok_or_else(|| FsError::Denied {
            path: self.text.clone(),
        })?;
        let root = allowed.root(name).unwrap_or_else(|| "/".to_owned());
        Access::new([root], &self.text)
    }
}

impl crate::tool::fs::sealed::Sealed for SafePath {
    fn reach(&self) -> Result<Access, FsError> {
        self.access()
    }
}

impl Reach for SafePath {}

impl Ip {
    /// The address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.text.parse().ok()
    }
}

#[cfg(feature = "http")]
impl HttpUrl {
    pub(crate) const fn admission(&self) -> &Admission {
        &self.admission
    }
}

/// A value that is compared exactly as it is: an id, a name, an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Exact<T>(pub T);

impl<T: Parameter> Parameter for Exact<T> {
    const REQUIRED: bool = T::REQUIRED;

    fn schema() -> Value {
        T::schema()
    }
}

impl<T> sealed::Sealed for Exact<T> {}
impl<T: Send> Resource for Exact<T> {}
