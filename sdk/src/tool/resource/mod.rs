//! Arguments that name something outside: typed, in normal form, and bound to what was granted.

mod value;

#[cfg(feature = "http")]
pub(crate) mod web;

pub use value::{Exact, Host, HttpUrl, Ip, SafePath};

use crate::capability::Decimal;
use crate::guard::Allowed;

/// An argument that names something outside the process.
///
/// A resource is in normal form from the moment it is read, and learns what was granted when its
/// call is allowed; a door opens it only then. The trait is sealed: only the
/// types of this module implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it names, so it cannot be a `#[resource]`",
    note = "write `SafePath` for a file, `HttpUrl` for a URL, `Host`, `Ip` or `Decimal` for those, or `Exact<String>` for a name that is compared as it is"
)]
pub trait Resource: sealed::Sealed + Send {
    #[doc(hidden)]
    fn admit(&mut self, name: &str, allowed: &std::sync::Arc<Allowed>) {
        let _ = (name, allowed);
    }
}

pub(crate) mod sealed {
    /// Keeps [`Resource`](super::Resource) to this crate.
    pub trait Sealed {}
}

impl sealed::Sealed for Decimal {}
impl Resource for Decimal {}

impl<R: Resource> sealed::Sealed for Option<R> {}

/// A resource that may be left out.
impl<R: Resource> Resource for Option<R> {
    fn admit(&mut self, name: &str, allowed: &std::sync::Arc<Allowed>) {
        if let Some(resource) = self {
            resource.admit(name, allowed);
        }
    }
}
