//! A server on this machine behind the door to the network, and tokens for parts of it.

use std::sync::{Arc, Mutex};

use bailiwick::capability::{Grant, Held, Scope, UrlPattern, any, url};
use bailiwick::guard::{GuardBuilder, Policy};
use bailiwick::tool::http::{Http, HttpGet, HttpPost, Resolve};
use bailiwick::tool::{Gate, Outcome, Toolbox};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Home, call};

/// A server on this machine, which answers by path and remembers what it was asked.
pub struct Server {
    pub port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    targets: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `/to/<n>` redirects to the n-th target; everything else is answered with `hello`.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let targets = Arc::<Mutex<Vec<String>>>::default();
        let (log, known) = (seen.clone(), targets.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (log, known) = (log.clone(), known.clone());
                tokio::spawn(async move {
                    let mut bytes = vec![0; 4096];
                    let read = stream.read(&mut bytes).await.unwrap_or(0);
                    let request =
                        String::from_utf8_lossy(bytes.get(..read).unwrap_or_default()).into_owned();
                    let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
                    log.lock().unwrap().push(path.clone());
                    let target = path
                        .strip_prefix("/to/")
                        .and_then(|number| number.parse::<usize>().ok());
                    let target =
                        target.and_then(|number| known.lock().unwrap().get(number).cloned());
                    let answer = match target {
                        Some(to) => format!(
                            "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
                        ),
                        None => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_owned(),
                    };
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self {
            port,
            seen,
            targets,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A URL here that redirects to `target`.
    pub fn to(&self, target: impl Into<String>) -> String {
        let mut targets = self.targets.lock().unwrap();
        targets.push(target.into());
        self.url(&format!("/to/{}", targets.len() - 1))
    }

    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Every name leads to this machine.
pub struct Inward;

#[async_trait::async_trait]
impl Resolve for Inward {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
        Ok(vec![std::net::Ipv4Addr::LOCALHOST.into()])
    }
}

pub struct Web {
    pub server: Server,
    pub home: Home,
    pub gate: Gate,
}

pub async fn web() -> Web {
    web_with(Inward).await
}

/// As [`web`], with a resolver of one's own.
pub async fn web_with(resolver: impl Resolve + 'static) -> Web {
    web_of(resolver, |guard| guard).await
}

/// As [`web`], where a policy decides too.
pub async fn web_with_policy(policy: Arc<dyn Policy>) -> Web {
    web_of(Inward, |guard| guard.policy(policy)).await
}

async fn web_of(
    resolver: impl Resolve + 'static,
    with: impl FnOnce(GuardBuilder) -> GuardBuilder,
) -> Web {
    let http = Http::builder().resolver(resolver).build().unwrap();
    let home = Home::new();
    let toolbox = Toolbox::builder()
        .tool(HttpGet::new(&http))
        .tool(HttpPost::new(&http));
    let gate = home.gate_of(with(home.guard()), toolbox.build().unwrap());
    Web {
        server: Server::start().await,
        home,
        gate,
    }
}

impl Web {
    pub fn pattern<const N: usize>(&self, hosts: [&'static str; N]) -> UrlPattern {
        UrlPattern::new("http", hosts).ports([self.server.port])
    }

    pub fn scope(&self, pattern: UrlPattern) -> Scope {
        Scope::new()
            .grant(Grant::new("http.get").arg("url", url(pattern.clone())))
            .grant(
                Grant::new("http.post")
                    .arg("url", url(pattern))
                    .arg("body", any()),
            )
    }

    pub async fn get(&self, held: &Held, url: &str) -> Outcome {
        call(
            &self.gate,
            held,
            "http.get",
            &json!({ "url": url }).to_string(),
        )
        .await
    }
}
