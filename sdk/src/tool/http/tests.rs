use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::redirect::Hop;
use super::url::parse_url;
use super::{AddressClass, Http, HttpBuilder, HttpError, Method, Request, Resolve, Vet, class};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Grants URLs by prefix, and addresses one by one; remembers what it was asked.
#[derive(Default)]
struct Grants {
    urls: Vec<String>,
    addresses: Vec<IpAddr>,
    asked: Mutex<Vec<String>>,
}

impl Vet for Grants {
    fn url(&self, url: &str) -> Result<(), String> {
        self.asked.lock().unwrap().push(url.to_owned());
        if self.urls.iter().any(|prefix| url.starts_with(prefix)) {
            Ok(())
        } else {
            Err("not granted".to_owned())
        }
    }

    fn address(&self, _url: &str, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }
}

fn anywhere() -> Grants {
    Grants {
        urls: vec![String::new()],
        addresses: vec![LOCAL],
        ..Grants::default()
    }
}

/// Answers each look-up with the next of its answers, the last one for ever.
#[derive(Clone)]
struct Names {
    answers: Arc<Vec<Vec<IpAddr>>>,
    asked: Arc<AtomicUsize>,
}

impl Names {
    fn new(answers: &[&[&str]]) -> Self {
        let answers = answers
            .iter()
            .map(|a| a.iter().map(|ip| ip.parse().unwrap()).collect());
        Self {
            answers: Arc::new(answers.collect()),
            asked: Arc::default(),
        }
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if host.ends_with(".invalid") {
            return Err(io::Error::other("no such host"));
        }
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.answers[asked.min(self.answers.len() - 1)].clone())
    }
}

/// A server on this machine, which answers a path with bytes and remembers what it was sent.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: impl Fn(&str, u16) -> String + Send + Sync + 'static) -> Self {
        Self::raw(move |path, port| (answer(path, port).into_bytes(), false)).await
    }

    /// With `true`, the answer goes on for ever, slowly.
    async fn raw(answer: impl Fn(&str, u16) -> (Vec<u8>, bool) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((LOCAL, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(serve(stream, port, log, answer));
            }
        });
        Self { port, seen }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    port: u16,
    log: Arc<Mutex<Vec<String>>>,
    answer: Arc<impl Fn(&str, u16) -> (Vec<u8>, bool)>,
) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&request).contains("\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
    log.lock().unwrap().push(request);
    let (bytes, endless) = answer(&path, port);
    let _ = stream.write_all(&bytes).await;
    while endless && stream.write_all(b"1\r\nx\r\n").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nx-one: 1\r\n\r\n{body}",
        body.len()
    )
}

fn redirect(status: u16, to: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
}

fn http() -> Http {
    builder().build().unwrap()
}

fn builder() -> HttpBuilder {
    Http::builder().timeout(Duration::from_secs(10))
}

macro_rules! refused {
    ($result:expr, $pattern:pat) => {
        match $result {
            Err($pattern) => {}
            other => panic!("expected {}, got {other:?}", stringify!($pattern)),
        }
    };
}

#[test]
fn addresses_have_their_class() {
    use AddressClass as C;
    for (address, expected) in [
        ("8.8.8.8", C::Public),
        ("172.32.0.1", C::Public),
        ("100.128.0.1", C::Public),
        ("2606:4700:4700::1111", C::Public),
        ("127.0.0.1", C::Loopback),
        ("127.255.255.254", C::Loopback),
        ("::1", C::Loopback),
        ("10.1.2.3", C::Private),
        ("172.16.0.1", C::Private),
        ("172.31.255.255", C::Private),
        ("192.168.0.1", C::Private),
        ("fc00::1", C::Private),
        ("fdff::1", C::Private),
        ("fec0::1", C::Private),
        ("64:ff9b:1::1", C::Private),
        ("169.254.1.1", C::LinkLocal),
        ("fe80::1", C::LinkLocal),
        ("169.254.169.254", C::Metadata),
        ("169.254.170.2", C::Metadata),
        ("100.100.100.200", C::Metadata),
        ("168.63.129.16", C::Metadata),
        ("fd00:ec2::254", C::Metadata),
        ("fd20:ce::254", C::Metadata),
        ("224.0.0.1", C::Multicast),
        ("ff02::1", C::Multicast),
        ("0.0.0.0", C::Unspecified),
        ("::", C::Unspecified),
        ("255.255.255.255", C::Broadcast),
        ("192.0.2.1", C::Documentation),
        ("2001:db8::1", C::Documentation),
        ("3fff::1", C::Documentation),
        ("100.64.0.1", C::SharedCgnat),
        ("198.18.0.1", C::Benchmark),
        ("2001:2::1", C::Benchmark),
        ("0.1.2.3", C::Reserved),
        ("240.0.0.1", C::Reserved),
        ("192.0.0.1", C::Reserved),
        ("100::1", C::Reserved),
        ("2001:20::1", C::Reserved),
        ("5f00::1", C::Reserved),
        // Carried in IPv6.
        ("::ffff:127.0.0.1", C::Loopback),
        ("::ffff:169.254.169.254", C::Metadata),
        ("::ffff:8.8.8.8", C::Public),
        ("::10.0.0.1", C::Private),
        ("::ffff:0:10.0.0.1", C::Private),
        ("64:ff9b::a9fe:a9fe", C::Metadata),
        ("64:ff9b::808:808", C::Public),
        ("2002:7f00:1::", C::Loopback),
        ("2002:a00:1::1", C::Private),
        ("2001:0:a00:1::f7f7:f7f7", C::Private),
        ("2001:0:808:808::80ff:fffe", C::Loopback),
        ("2001:0:808:808::f7f7:f7f7", C::Public),
        ("2606::5efe:127.0.0.1", C::Loopback),
    ] {
        assert_eq!(class(address.parse().unwrap()), expected, "{address}");
    }
}

#[tokio::test]
async fn attack_18_url_out_of_normal_form() {
    let grants = anywhere();
    for url in [
        "",
        "example.com",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/",
        "unix:///var/run/docker.sock",
        "http://user@example.com/",
        "http://user:pass@example.com/",
        "http://example.com@evil.org/",
        "http://:@example.com/",
        "http://@example.com/",
        "http://example.com/#fragment",
        "http://example.com",
        "http://example.com:80/",
        "https://example.com:443/",
        "http://example.com:0/",
        "http://EXAMPLE.com/",
        "HTTP://example.com/",
        "http://example.com./",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://0/",
        "http://[::ffff:127.0.0.1]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[fe80::1%25eth0]/",
        "http://%65xample.com/",
        "http://ex\u{e4}mple.com/",
        "http://\u{ff45}xample.com/",
        "http://127\u{3002}0.0.1/",
        "http://example.com/a/../b",
        "http://example.com/%2e%2e/b",
        "http://example.com/a b",
        "http://example.com\\@evil.org/",
        "http:\\\\example.com/",
        "http:/example.com/",
        " http://example.com/",
        "http://example.com/\n",
        "http://example.com/\r\nHost: evil",
        "http://exa\tmple.com/",
    ] {
        refused!(
            http().fetch(Request::get(url), &grants).await,
            HttpError::Url { .. }
        );
    }
    let long = format!("http://example.com/{}", "a".repeat(9000));
    refused!(
        http().fetch(Request::get(long), &grants).await,
        HttpError::Url { .. }
    );
    assert!(grants.asked.lock().unwrap().is_empty());
    for url in [
        "http://xn--exmple-cua.com/?q=%20#".trim_end_matches('#'),
        "https://[2606::1]:8443/a",
        "https://a.org/projects/a%2Fb",
        "https://a.org/x//y",
    ] {
        assert_eq!(parse_url(url).unwrap().as_str(), url);
    }
    assert_eq!(
        parse_url("https://a.org/it's?q='a'").unwrap().as_str(),
        "https://a.org/it's?q=%27a%27",
    );
}

#[tokio::test]
async fn an_apostrophe_of_a_query_is_asked_as_written_and_sent_as_its_escape() {
    let server = Server::start(|_, _| ok("hello")).await;
    let grants = anywhere();
    for (asked, sent) in [
        ("/x//y?q='a'", "/x//y?q=%27a%27"),
        ("/projects/a%2Fb", "/projects/a%2Fb"),
    ] {
        let url = server.url(asked);
        let answer = http().fetch(Request::get(url.clone()), &grants).await;
        assert_eq!(answer.unwrap().status(), 200);
        let seen = server.seen();
        assert!(
            seen.last().unwrap().starts_with(&format!("GET {sent} ")),
            "{seen:?}"
        );
        let last = grants.asked.lock().unwrap().last().cloned();
        assert!(last.unwrap().contains(&url));
    }
}

#[tokio::test]
async fn loopback_is_refused_unless_granted_by_address() {
    let server = Server::start(|_, _| ok("hello")).await;
    let grants = Grants {
        urls: vec!["http".to_owned()],
        ..Grants::default()
    };
    let denied = http().fetch(Request::get(server.url("/")), &grants).await;
    assert!(server.seen().is_empty());
    let text = denied.as_ref().unwrap_err().to_string();
    assert!(text.contains("loopback"), "{text}");
    refused!(
        denied,
        HttpError::Address {
            class: AddressClass::Loopback,
            ..
        }
    );

    let answer = http()
        .fetch(Request::get(server.url("/a?b")), &anywhere())
        .await
        .unwrap();
    assert_eq!((answer.status(), answer.header("x-one")), (200, Some("1")));
    assert_eq!(answer.url(), server.url("/a?b"));
    assert_eq!(answer.into_text().unwrap(), "hello");
    refused!(
        http()
            .fetch(Request::get(server.url("/")), &Grants::default())
            .await,
        HttpError::Refused { .. }
    );
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn attack_18_literal_and_mapped_addresses() {
    for (url, expected) in [
        (
            "http://169.254.169.254/latest/meta-data/",
            AddressClass::Metadata,
        ),
        ("http://[::ffff:a9fe:a9fe]/", AddressClass::Metadata),
        // The IPv4 address is granted; its mapped form is another one.
        ("http://[::ffff:7f00:1]/", AddressClass::Loopback),
        ("http://[::1]/", AddressClass::Loopback),
        ("http://[64:ff9b::7f00:1]/", AddressClass::Loopback),
        ("http://0.0.0.0/", AddressClass::Unspecified),
        ("http://[::]/", AddressClass::Unspecified),
    ] {
        match http().fetch(Request::get(url), &anywhere()).await {
            Err(HttpError::Address { class, .. }) => assert_eq!(class, expected, "{url}"),
            other => panic!("{url}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn attack_18_name_that_points_inside() {
    let server = Server::start(|_, _| ok("inside")).await;
    let url = format!("http://inside.example:{}/", server.port);
    let grants = Grants {
        urls: vec![url.clone()],
        ..Grants::default()
    };
    for answer in [
        &["127.0.0.1"][..],
        &["8.8.8.8", "127.0.0.1"],
        &["169.254.169.254"],
        &["::ffff:10.0.0.1"],
        &["fd00:ec2::254"],
    ] {
        let http = builder().resolver(Names::new(&[answer])).build().unwrap();
        refused!(
            http.fetch(Request::get(url.as_str()), &grants).await,
            HttpError::Address { .. }
        );
    }
    let none = builder().resolver(Names::new(&[&[]])).build().unwrap();
    refused!(
        none.fetch(Request::get(url.as_str()), &grants).await,
        HttpError::Resolve { .. }
    );
    refused!(
        none.fetch(Request::get("http://x.invalid/"), &anywhere())
            .await,
        HttpError::Resolve { .. }
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn attack_18_name_that_is_bound_again() {
    let server = Server::start(|_, _| ok("inside")).await;
    let url = format!("http://rebind.example:{}/", server.port);
    // The name is public when it is checked, and this machine at a second look-up: no code makes a second look-up.
    let names = Names::new(&[&["192.88.99.1"], &["127.0.0.1"]]);
    let outside = "192.88.99.1".parse().unwrap();
    let grants = Grants {
        urls: vec![url.clone()],
        addresses: vec![outside],
        ..Grants::default()
    };
    let http = builder()
        .resolver(names.clone())
        .connect_timeout(Duration::from_millis(300))
        .timeout(Duration::from_secs(1))
        .build()
        .unwrap();
    refused!(
        http.fetch(Request::get(url.as_str()), &grants).await,
        HttpError::Transport { .. } | HttpError::Timeout { .. }
    );
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    assert!(server.seen().is_empty());

    // The other way round the vetted address is the one connected to.
    let names = Names::new(&[&["127.0.0.1"], &["192.88.99.1"]]);
    let http = builder().resolver(names.clone()).build().unwrap();
    let answer = http.fetch(Request::get(url), &anywhere()).await.unwrap();
    assert_eq!(answer.into_text().unwrap(), "inside");
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    assert!(server.seen()[0].contains("host: rebind.example"));
}

#[tokio::test]
async fn redirects_are_followed_where_granted() {
    let server = Server::start(|path, _| match path {
        "/a" => redirect(302, "/b#part"),
        "/b" => redirect(301, "c?d"),
        "/loop" => redirect(307, "/loop"),
        "/nowhere" => "HTTP/1.1 302 X\r\ncontent-length: 0\r\n\r\n".to_owned(),
        _ => ok("end"),
    })
    .await;
    let grants = anywhere();
    let answer = http()
        .fetch(Request::get(server.url("/a")), &grants)
        .await
        .unwrap();
    assert_eq!(answer.url(), server.url("/c?d"));
    let asked: Vec<_> = ["/a", "/b", "/c?d"].map(|path| server.url(path)).into();
    assert_eq!(*grants.asked.lock().unwrap(), asked);
    refused!(
        http()
            .fetch(Request::get(server.url("/loop")), &grants)
            .await,
        HttpError::TooManyRedirects { max: 5, .. }
    );
    assert_eq!(
        server
            .seen()
            .iter()
            .filter(|head| head.contains("/loop"))
            .count(),
        6
    );
    let none = builder().max_redirects(0).build().unwrap();
    refused!(
        none.fetch(Request::get(server.url("/a")), &grants).await,
        HttpError::TooManyRedirects { max: 0, .. }
    );
    let bare = http()
        .fetch(Request::get(server.url("/nowhere")), &grants)
        .await
        .unwrap();
    assert_eq!(bare.status(), 302);
}

#[tokio::test]
async fn attack_18_redirect_to_what_is_not_granted() {
    let server = Server::start(|path, port| match path {
        "/host" => redirect(302, "http://evil.example/"),
        "/path" => redirect(302, &format!("http://127.0.0.1:{port}/private")),
        "/metadata" => redirect(302, "http://169.254.169.254/latest/"),
        "/decimal" => redirect(302, "http://2852039166/latest/"),
        "/mapped" => redirect(302, "http://[::ffff:169.254.169.254]/"),
        "/user" => redirect(302, "http://user:pass@127.0.0.1/"),
        "/file" => redirect(302, "file:///etc/passwd"),
        _ => ok("private"),
    })
    .await;
    let granted = [
        "/host",
        "/path",
        "/metadata",
        "/decimal",
        "/mapped",
        "/user",
        "/file",
    ];
    let grants = Grants {
        urls: granted.map(|path| server.url(path)).into(),
        addresses: vec![LOCAL],
        ..Grants::default()
    };
    for path in &granted[..5] {
        refused!(
            http().fetch(Request::get(server.url(path)), &grants).await,
            HttpError::Refused { .. }
        );
    }
    for path in &granted[5..] {
        refused!(
            http().fetch(Request::get(server.url(path)), &grants).await,
            HttpError::Url { .. }
        );
    }
    // Granted by URL, and still not by address.
    for path in &granted[2..5] {
        refused!(
            http()
                .fetch(Request::get(server.url(path)), &anywhere())
                .await,
            HttpError::Address {
                class: AddressClass::Metadata,
                ..
            }
        );
    }
    assert!(!server.seen().iter().any(|head| head.contains("/private")));
}

fn hop(method: Method, url: &str) -> Hop {
    let headers = HeaderMap::from_iter([
        (
            reqwest::header::AUTHORIZATION,
            HeaderValue::from_static("secret"),
        ),
        (
            reqwest::header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain"),
        ),
    ]);
    let body = (method == Method::Post).then(|| b"body".to_vec());
    Hop {
        method,
        asked: url.to_owned(),
        url: parse_url(url).unwrap(),
        headers,
        body,
    }
}

fn step(from: &Hop, status: u16, to: &str) -> Result<Option<Hop>, HttpError> {
    let status = StatusCode::from_u16(status).unwrap();
    from.clone()
        .next(status, Some(&HeaderValue::from_str(to).unwrap()))
}

#[test]
fn redirects_keep_what_the_standard_keeps() {
    let post = hop(Method::Post, "https://a.org/x");
    for status in [301, 302, 303] {
        let next = step(&post, status, "/y").unwrap().unwrap();
        assert_eq!((next.method, next.body), (Method::Get, None));
        assert_eq!(next.headers.len(), 1, "the content type is gone");
    }
    for status in [307, 308] {
        let next = step(&post, status, "/y").unwrap().unwrap();
        assert_eq!(
            (next.method, next.body.as_deref()),
            (Method::Post, Some(&b"body"[..]))
        );
        assert_eq!(next.headers.len(), 2);
    }
    assert_eq!(
        step(&hop(Method::Head, "https://a.org/"), 303, "/y")
            .unwrap()
            .unwrap()
            .method,
        Method::Head
    );
    for status in [200, 300, 304, 305, 404] {
        assert!(step(&post, status, "/y").unwrap().is_none());
    }
}

#[test]
fn attack_18_redirect_out_of_tls_or_origin() {
    let get = hop(Method::Get, "https://a.org/x");
    for to in ["http://a.org/x", "http://b.org/"] {
        refused!(step(&get, 302, to), HttpError::Redirect { .. });
    }
    for to in [
        "https://b.org/",
        "https://a.org:8443/",
        "//b.org/",
        "https://a.org.b.org/",
    ] {
        let next = step(&get, 302, to).unwrap().unwrap();
        assert!(next.headers.is_empty(), "{to}");
        refused!(
            step(&hop(Method::Post, "https://a.org/"), 307, to),
            HttpError::Redirect { .. }
        );
    }
    let up = step(&hop(Method::Get, "http://a.org/"), 301, "https://a.org/")
        .unwrap()
        .unwrap();
    assert!(up.headers.is_empty());
    refused!(
        step(&get, 302, "javascript:alert(1)"),
        HttpError::Url { .. }
    );
    refused!(step(&get, 302, "https://b.org./"), HttpError::Url { .. });
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let other = Server::start(|_, _| ok("other")).await;
    let to = other.url("/");
    let server = Server::start(move |_, _| redirect(302, &to)).await;
    let request = Request::get(server.url("/"))
        .secret_header("authorization", "Bearer hidden".to_owned())
        .header("accept", "text/plain");
    assert!(!format!("{request:?}").contains("hidden"));
    http().fetch(request, &anywhere()).await.unwrap();
    assert!(server.seen()[0].contains("Bearer hidden"));
    assert!(server.seen()[0].contains("accept: text/plain"));
    assert!(!other.seen()[0].contains("hidden"));
}

#[tokio::test]
async fn headers_and_bodies_follow_rules() {
    let server = Server::start(|_, _| ok("")).await;
    for (name, value) in [
        ("host", "evil.org"),
        ("Host", "evil.org"),
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
        ("connection", "upgrade"),
        ("authorization", "Bearer x"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "127.0.0.1"),
        ("metadata-flavor", "Google"),
        ("accept\r\nhost", "x"),
        ("accept", "x\r\nhost: evil.org"),
        ("accept", "x\nhost: evil.org"),
        ("accept", "x\0"),
        ("accept", "\u{10a}"),
        ("", "x"),
    ] {
        let request = Request::get(server.url("/")).header(name, value);
        refused!(
            http().fetch(request, &anywhere()).await,
            HttpError::Header { .. }
        );
    }
    for name in ["host", "transfer-encoding", "proxy-authorization"] {
        let request = Request::get(server.url("/")).secret_header(name, "x".to_owned());
        refused!(
            http().fetch(request, &anywhere()).await,
            HttpError::Header { .. }
        );
        refused!(
            Http::builder().allow_header(name).build(),
            HttpError::Setup { .. }
        );
    }
    let request = Request::get(server.url("/")).body("x");
    refused!(
        http().fetch(request, &anywhere()).await,
        HttpError::Body { method: "GET" }
    );
    assert!(server.seen().is_empty());

    let custom = builder().allow_header("X-Api-Version").build().unwrap();
    let request = Request::post(server.url("/"), "payload").header("x-api-version", "2");
    custom.fetch(request, &anywhere()).await.unwrap();
    let seen = &server.seen()[0];
    assert!(
        seen.starts_with("POST / HTTP/1.1") && seen.contains("content-length: 7"),
        "{seen}"
    );
    assert!(
        seen.contains("x-api-version: 2") && seen.contains("user-agent: bailiwick/"),
        "{seen}"
    );
    assert!(!seen.contains("accept-encoding"), "{seen}");
    refused!(
        Http::builder().user_agent("a\nb").build(),
        HttpError::Setup { .. }
    );
    refused!(
        Http::builder().also_trust(*b"none").build(),
        HttpError::Setup { .. }
    );
}

#[tokio::test]
async fn answers_are_bounded() {
    let server = Server::raw(|path, _| match path {
        "/claimed" => (
            b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n".to_vec(),
            false,
        ),
        "/large" => (ok(&"x".repeat(1001)).into_bytes(), false),
        "/fits" => (ok(&"x".repeat(1000)).into_bytes(), false),
        "/head" => (
            format!(
                "HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n",
                "x".repeat(40_000)
            )
            .into_bytes(),
            false,
        ),
        "/cookie" => (
            b"HTTP/1.1 200 OK\r\nset-cookie: session=1\r\ncontent-length: 1\r\n\r\n\xff".to_vec(),
            false,
        ),
        "/gzip" => (
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc".to_vec(),
            false,
        ),
        "/garbage" => (b"\x00\x01\x02\r\n\r\n".to_vec(), false),
        _ => (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
            true,
        ),
    })
    .await;
    let small = builder()
        .max_bytes(1000)
        .timeout(Duration::from_millis(500))
        .build()
        .unwrap();
    let fetch = async |path| {
        small
            .fetch(Request::get(server.url(path)), &anywhere())
            .await
    };
    refused!(
        fetch("/large").await,
        HttpError::TooLarge {
            part: "body",
            max: 1000,
            ..
        }
    );
    assert_eq!(fetch("/fits").await.unwrap().body().len(), 1000);
    refused!(fetch("/claimed").await, HttpError::Transport { .. });
    refused!(
        fetch("/head").await,
        HttpError::TooLarge { part: "head", .. }
    );
    refused!(fetch("/garbage").await, HttpError::Transport { .. });
    assert_eq!(fetch("/gzip").await.unwrap().body(), b"abc");
    let cookie = fetch("/cookie").await.unwrap();
    assert_eq!(cookie.header("set-cookie"), None);
    refused!(cookie.into_text(), HttpError::NotText { .. });

    refused!(fetch("/endless").await, HttpError::Timeout { .. });
    // Endless and within the time, it is cut at the limit.
    let tiny = builder().max_bytes(3).build().unwrap();
    refused!(
        tiny.fetch(Request::get(server.url("/endless")), &anywhere())
            .await,
        HttpError::TooLarge { .. }
    );
}

/// A server for `tls.example`, whose certificate a test authority signed; it redirects to http.
async fn tls_server() -> u16 {
    let certificate = include_bytes!("testdata/server.der").to_vec().into();
    let key = PrivatePkcs8KeyDer::from(include_bytes!("testdata/server-key.der").to_vec());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((LOCAL, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let answer = |path: &str, port| match path {
                "/down" => (
                    redirect(302, &format!("http://tls.example:{port}/")).into(),
                    false,
                ),
                _ => (ok("sealed").into(), false),
            };
            serve(stream, port, Arc::default(), Arc::new(answer)).await;
        }
    });
    port
}

#[tokio::test]
async fn tls_is_checked_against_the_name_and_the_roots() {
    let port = tls_server().await;
    let names = || builder().resolver(Names::new(&[&["127.0.0.1"]]));
    let trusting = names()
        .also_trust(*include_bytes!("testdata/ca.der"))
        .build()
        .unwrap();
    let url = |host: &str, path: &str| Request::get(format!("https://{host}:{port}{path}"));

    let answer = trusting
        .fetch(url("tls.example", "/"), &anywhere())
        .await
        .unwrap();
    assert_eq!(answer.into_text().unwrap(), "sealed");
    refused!(
        trusting
            .fetch(url("tls.example", "/down"), &anywhere())
            .await,
        HttpError::Redirect { .. }
    );
    let other = trusting.fetch(url("other.example", "/"), &anywhere()).await;
    refused!(other, HttpError::Transport { .. });
    let mozilla = names().build().unwrap();
    refused!(
        mozilla.fetch(url("tls.example", "/"), &anywhere()).await,
        HttpError::Transport { .. }
    );
}
