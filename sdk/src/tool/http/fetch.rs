//! One fetch: check, resolve, vet, connect, and again for each redirect.

use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use reqwest::{Client, retry};

use super::redirect::Hop;
use super::resolve::{Pinned, vetted};
use super::url::parse_url;
use super::{Http, HttpError, Request, Response, Vet};
use crate::tool::HttpUrl;

impl Http {
    /// Gets a URL that was granted.
    ///
    /// # Errors
    ///
    /// As [`Http::fetch`]; [`HttpError::Refused`] before the call was allowed.
    pub async fn get(&self, url: &HttpUrl) -> Result<Response, HttpError> {
        self.fetch(Request::get(url.as_str()), url).await
    }

    /// Posts to a URL that was granted.
    ///
    /// # Errors
    ///
    /// As [`Http::get`].
    pub async fn post(
        &self,
        url: &HttpUrl,
        body: impl Into<Vec<u8>> + Send,
    ) -> Result<Response, HttpError> {
        self.fetch(Request::post(url.as_str(), body), url).await
    }

    /// Fetches what `may` allows, following redirects that it allows too.
    ///
    /// A response with an error status is an answer and not an error.
    ///
    /// # Errors
    ///
    /// The [`HttpError`] that keeps the request from being made or answered within the limits.
    pub async fn fetch(&self, request: Request, may: &dyn Vet) -> Result<Response, HttpError> {
        let url = parse_url(&request.url)?;
        request.check_body()?;
        let headers = request.header_map(&self.limits.allowed)?;
        let first = Hop {
            method: request.method,
            asked: request.url.clone(),
            url,
            headers,
            body: request.body,
        };
        let limit = self.limits.timeout;
        let late = HttpError::Timeout {
            method: request.method.name(),
            url: request.url,
            limit,
        };
        tokio::time::timeout(limit, self.follow(first, may))
            .await
            .unwrap_or(Err(late))
    }

    async fn follow(&self, mut hop: Hop, may: &dyn Vet) -> Result<Response, HttpError> {
        let max = self.limits.max_redirects;
        let mut redirects = 0;
        loop {
            may.url(&hop.asked).map_err(|reason| HttpError::Refused {
                url: hop.url.to_string(),
                reason,
            })?;
            let answer = self.send(&hop, may).await?;
            match hop.next(answer.status(), answer.headers().get(LOCATION))? {
                None => return Response::read(answer, self.limits.max_bytes).await,
                Some(next) if redirects < max => hop = next,
                Some(next) => {
                    return Err(HttpError::TooManyRedirects {
                        url: next.url.into(),
                        max,
                    });
                }
            }
            redirects += 1;
        }
    }

    async fn send(&self, hop: &Hop, may: &dyn Vet) -> Result<reqwest::Response, HttpError> {
        let failed = |e| HttpError::transport(&hop.url, e);
        let host = hop.url.host_str().unwrap_or_default();
        let addresses = vetted((&hop.asked, host), self.limits.resolver.as_ref(), may).await?;
        let pinned = Pinned {
            host: host.to_owned(),
            addresses: addresses.into(),
        };
        // What other crates of the program switch on in reqwest is switched off by name: it would
        // follow, decode, retry or resolve without the checks.
        let client = Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(pinned)
            .redirect(Policy::none())
            .retry(retry::never())
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .referer(false)
            .http1_only()
            .pool_max_idle_per_host(0)
            .user_agent(self.limits.user_agent.as_str())
            .connect_timeout(self.limits.connect_timeout)
            .build()
            .map_err(failed)?;
        let mut request = client
            .request(hop.method.wire(), hop.url.clone())
            .headers(hop.headers.clone());
        if let Some(body) = &hop.body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(failed)
    }
}
