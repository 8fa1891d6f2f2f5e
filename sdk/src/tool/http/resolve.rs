//! Resolves the name of a host to its addresses, once for each request.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolving};

use super::{AddressClass, HttpError, Vet, class};

/// How names become addresses.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of a host, in the order in which to try them.
    ///
    /// # Errors
    ///
    /// The resolver's error if the name has no address.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the operating system, its hosts file included.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        // The port is of no meaning to a look-up; the system's interface wants one.
        Ok(tokio::net::lookup_host((host, 0))
            .await?
            .map(|found| found.ip())
            .collect())
    }
}

/// The addresses of the `host` of a URL, each public or granted. One that is neither refuses them all: an
/// honest host has no reason to point inside and outside at once.
pub(super) async fn vetted(
    (url, host): (&str, &str),
    resolver: &dyn Resolve,
    may: &dyn Vet,
) -> Result<Vec<IpAddr>, HttpError> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    let found = match bare.parse() {
        Ok(address) => vec![address],
        Err(_) => resolver
            .resolve(host)
            .await
            .map_err(|source| HttpError::Resolve {
                host: host.to_owned(),
                source,
            })?,
    };
    if found.is_empty() {
        let source = io::Error::new(io::ErrorKind::NotFound, "it has no address");
        return Err(HttpError::Resolve {
            host: host.to_owned(),
            source,
        });
    }
    for &address in &found {
        let class = class(address);
        if class != AddressClass::Public && !may.address(url, address) {
            return Err(HttpError::Address {
                host: host.to_owned(),
                address,
                class,
            });
        }
    }
    Ok(found)
}

/// Answers reqwest with the vetted addresses, for that one host.
pub(super) struct Pinned {
    pub(super) host: String,
    pub(super) addresses: Arc<[IpAddr]>,
}

impl reqwest::dns::Resolve for Pinned {
    fn resolve(&self, name: Name) -> Resolving {
        let answer = if name.as_str() == self.host {
            let addresses: Vec<_> = self
                .addresses
                .iter()
                .map(|&address| SocketAddr::new(address, 0))
                .collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        } else {
            Err("the host is not the one that was vetted".into())
        };
        Box::pin(std::future::ready(answer))
    }
}
