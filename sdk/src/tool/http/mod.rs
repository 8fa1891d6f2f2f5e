//! The door to the network: what was checked is what is requested, from the address that was
//! vetted.
//!
//! A URL is accepted only in the form in which it is sent. Its host is resolved once, every address
//! is looked at, and the connection goes to one of those addresses and to no other, so an answer
//! that changes between check and connect changes nothing. A redirect is a new request: checked,
//! resolved and vetted from the start, without the caller's headers if it leaves the origin.
//! Proxies and other settings of the environment are not used.
//!
//! In a tool, the [`HttpUrl`](super::HttpUrl) that was granted vets what is requested: each
//! redirect is checked against the token again, and the token must name an address that is not public.
//!
//! ```
//! use bailiwick::tool::HttpUrl;
//! use bailiwick::tool::http::{Http, HttpError};
//!
//! async fn page(http: &Http, url: &HttpUrl) -> Result<String, HttpError> {
//!     http.get(url).await?.into_text()
//! }
//! ```
//!
//! [`HttpGet`] and [`HttpPost`] are tools as they stand. Outside a tool, the caller says
//! what may be requested:
//!
//! ```
//! # use std::net::IpAddr;
//! # use bailiwick::tool::http::{Http, HttpError, Request, Vet};
//! struct Docs;
//!
//! impl Vet for Docs {
//!     fn url(&self, url: &str) -> Result<(), String> {
//!         if url.starts_with("https://docs.example.org/") { Ok(()) } else { Err("not the docs".into()) }
//!     }
//!     fn address(&self, _url: &str, _address: IpAddr) -> bool {
//!         false
//!     }
//! }
//!
//! # async fn tool() -> Result<(), HttpError> {
//! let http = Http::builder().max_bytes(64 << 10).build()?;
//! let page = http.fetch(Request::get("https://docs.example.org/"), &Docs).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//!
//! - Every request opens its own connection, HTTP/1.1 only.
//! - Certificates are checked against Mozilla's roots as compiled in and those given to
//!   [`HttpBuilder::also_trust`]; revocation of certificates is not looked up.
//! - The network decides where a public address leads.
//! - A look-up that the system does not answer ends for the caller with the time-out; its thread
//!   ends when the system gives up.

mod address;
mod client;
mod error;
mod fetch;
mod redirect;
mod request;
mod resolve;
mod response;
mod tools;
mod url;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use address::{AddressClass, class};
pub use client::{Http, HttpBuilder};
pub use error::HttpError;
pub use request::{Method, Request};
pub use resolve::{Resolve, SystemResolver};
pub use response::Response;
pub use tools::{HttpGet, HttpPost};

/// What may be requested: asked for the first URL and again for each redirect.
pub trait Vet: Send + Sync {
    /// Whether this URL, in normal form, may be requested; if not, why.
    ///
    /// # Errors
    ///
    /// The reason for the refusal, which the model may read.
    fn url(&self, url: &str) -> Result<(), String>;

    /// Whether `address`, which is not public and to which the host of `url` resolves, was granted by
    /// address for that URL, the first or that of a redirect.
    ///
    /// Given as resolved: an IPv4 address mapped into IPv6 is another address than the IPv4 one.
    fn address(&self, url: &str, address: IpAddr) -> bool;
}
