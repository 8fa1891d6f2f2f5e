//! Servers that mean harm: slow, endless, compressed, talking out of turn; and arguments that would
//! like to be headers.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::io::Write;

use bailiwick::capability::{Grant, Kind, Scope, UrlPattern, any, url};
use bailiwick::tool::http::{Http, HttpError, HttpGet, HttpPost, Request, Resolve, Response};
use bailiwick::tool::{Outcome, Toolbox};
use bailiwick_integration_tests::support::hostile::{Act, Anywhere, Hostile, hasty, patient, send};
use bailiwick_integration_tests::support::names::Names;
use bailiwick_integration_tests::support::{Home, call, secs};
use bailiwick_integration_tests::{denied, value};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::json;

const OK: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

macro_rules! refused {
    ($result:expr, $pattern:pat) => {
        match $result {
            Err($pattern) => {}
            other => panic!("expected {}, got {other:?}", stringify!($pattern)),
        }
    };
}

/// Fetches, and fails the test rather than hang.
async fn get(http: &Http, url: &str) -> Result<Response, HttpError> {
    let fetch = http.fetch(Request::get(url), &Anywhere);
    tokio::time::timeout(secs(180), fetch).await.unwrap()
}

#[tokio::test]
async fn a_server_that_is_slow_at_any_point_runs_out_of_time() {
    let server = Hostile::start(|path| match path {
        "/silent" => vec![Act::Hold],
        "/status" => vec![Act::Drip(b"HTTP/1.1 ".to_vec())],
        "/header" => vec![send(OK), Act::Drip(b"x".to_vec())],
        "/headers" => vec![send(OK), Act::Drip(b"a: b\r\n".to_vec())],
        "/empty-line" => vec![send("HTTP/1.1 200 OK\r\na: b\r\n"), Act::Hold],
        "/body" => vec![
            send("HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n"),
            Act::Drip(b"x".to_vec()),
        ],
        "/no-body" => vec![
            send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"),
            Act::Hold,
        ],
        "/chunks" => vec![send(CHUNKED), Act::Drip(b"1\r\nx\r\n".to_vec())],
        "/chunk-size" => vec![send(CHUNKED), Act::Drip(b"0".to_vec())],
        "/extension" => vec![send(CHUNKED), send("1;"), Act::Drip(b"x".to_vec())],
        "/trailers" => vec![
            send(CHUNKED),
            send("0\r\n"),
            Act::Drip(b"a: b\r\n".to_vec()),
        ],
        "/continue" => vec![Act::Drip(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())],
        "/early" => vec![
            send("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
            Act::Hold,
        ],
        // Each step is in time; all of them together are not.
        _ => vec![
            Act::Wait,
            send("HTTP/1.1 302 X\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n"),
        ],
    })
    .await;
    let http = hasty().max_redirects(usize::MAX).build().unwrap();
    for path in [
        "/silent",
        "/status",
        "/header",
        "/headers",
        "/empty-line",
        "/body",
        "/no-body",
        "/chunks",
        "/chunk-size",
        "/extension",
        "/trailers",
        "/continue",
        "/early",
        "/redirects",
    ] {
        match get(&http, &server.url(path)).await {
            Err(HttpError::Timeout { .. }) => {}
            // What can be told to be wrong before the time is up.
            Err(HttpError::Transport { .. }) if path == "/status" || path == "/chunk-size" => {}
            other => panic!("{path}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_takes_nothing_runs_out_of_time() {
    // Connected by the kernel, and never looked at.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let http = hasty().build().unwrap();
    for request in [Request::get(&*url), Request::post(&*url, vec![0; 32 << 20])] {
        let fetch = http.fetch(request, &Anywhere);
        refused!(
            tokio::time::timeout(secs(180), fetch).await.unwrap(),
            HttpError::Timeout { .. }
        );
    }
}

struct Forever;

#[async_trait::async_trait]
impl Resolve for Forever {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_resolver_that_never_answers_runs_out_of_time() {
    let http = hasty().resolver(Forever).build().unwrap();
    refused!(
        get(&http, "http://a.example/").await,
        HttpError::Timeout { .. }
    );
}

#[tokio::test]
async fn one_address_inside_among_thousands_outside_is_found() {
    let names = Names::default();
    let mut many = vec!["93.184.216.34"; 5000];
    many.push("10.0.0.1");
    names.set("a.example", &[&many]);
    let http = patient().resolver(names).build().unwrap();
    refused!(
        get(&http, "http://a.example/").await,
        HttpError::Address { .. }
    );
}

#[tokio::test]
async fn a_body_without_end_is_cut_at_the_limit() {
    let block = "x".repeat(64 << 10);
    let server = Hostile::start(move |path| {
        let chunk = format!("{:x}\r\n{block}\r\n", block.len());
        match path {
            "/chunked" => vec![send(CHUNKED), Act::Endless(chunk.into_bytes())],
            "/claimed" => vec![
                send("HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n"),
                Act::Endless(block.clone().into_bytes()),
            ],
            "/small-chunks" => vec![send(CHUNKED), Act::Endless(b"1\r\nx\r\n".repeat(1000))],
            // Until the connection is closed, which it never is.
            _ => vec![
                send("HTTP/1.1 200 OK\r\n\r\n"),
                Act::Endless(block.clone().into_bytes()),
            ],
        }
    })
    .await;
    let http = patient().build().unwrap();
    for path in ["/chunked", "/claimed", "/small-chunks", "/until-closed"] {
        let before = server.sent();
        match get(&http, &server.url(path)).await {
            Err(HttpError::TooLarge {
                part: "body",
                max: 100_000,
                ..
            }) => {}
            // A length that no body has may be refused by its number alone.
            Err(HttpError::Transport { .. }) if path == "/claimed" => {}
            other => panic!("{path}: {other:?}"),
        }
        // What was taken beyond the limit is what fits into the buffers on the way.
        let taken = server.sent() - before;
        assert!(taken < 32 << 20, "{path}: {taken} bytes");
    }
}

#[tokio::test]
async fn a_head_without_end_is_cut() {
    let server = Hostile::start(|path| match path {
        "/line" => vec![send(OK), send("x: "), Act::Endless(vec![b'x'; 4096])],
        "/name" => vec![send(OK), Act::Endless(vec![b'x'; 4096])],
        "/lines" => vec![send(OK), Act::Endless(b"x: y\r\n".repeat(500))],
        "/status" => vec![send("HTTP/1.1 200 "), Act::Endless(vec![b'x'; 4096])],
        "/extension" => vec![send(CHUNKED), send("1;"), Act::Endless(vec![b'x'; 4096])],
        "/trailers" => vec![
            send(CHUNKED),
            send("0\r\n"),
            Act::Endless(b"x: y\r\n".repeat(500)),
        ],
        "/many" => vec![
            send(OK),
            send("x: y\r\n".repeat(2000)),
            send("content-length: 0\r\n\r\n"),
        ],
        _ => vec![
            send(OK),
            send(format!("x: {}\r\n", "y".repeat(8000)).repeat(8)),
            send("content-length: 0\r\n\r\n"),
        ],
    })
    .await;
    let http = patient().build().unwrap();
    for path in [
        "/line",
        "/name",
        "/lines",
        "/status",
        "/extension",
        "/trailers",
        "/many",
        "/large",
    ] {
        let before = server.sent();
        match get(&http, &server.url(path)).await {
            Err(HttpError::Transport { .. }) => {}
            Err(HttpError::TooLarge { part: "head", .. }) if path == "/large" => {}
            other => panic!("{path}: {other:?}"),
        }
        let taken = server.sent() - before;
        assert!(taken < 32 << 20, "{path}: {taken} bytes");
    }
}

#[tokio::test]
async fn heads_that_are_not_the_answer_are_bounded_by_the_time() {
    let server =
        Hostile::start(|_| vec![Act::Endless(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())]).await;
    let outcome = get(&hasty().build().unwrap(), &server.url("/")).await;
    refused!(
        outcome,
        HttpError::Timeout { .. } | HttpError::Transport { .. }
    );
}

/// 64 MiB of nothing, by each of the usual encodings; with `br`, bytes that any decoder refuses.
fn bombs() -> [(&'static str, Vec<u8>); 3] {
    let nothing = vec![0; 1 << 20];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        gzip.write_all(&nothing).unwrap();
        zlib.write_all(&nothing).unwrap();
    }
    [
        ("gzip", gzip.finish().unwrap()),
        ("deflate", zlib.finish().unwrap()),
        ("br", vec![0xff; 1000]),
    ]
}

#[tokio::test]
async fn what_is_compressed_stays_compressed() {
    let server = Hostile::start(|path| {
        let (_, body) = bombs()
            .into_iter()
            .find(|(coding, _)| path.ends_with(coding))
            .unwrap();
        let coding = path.trim_start_matches('/');
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        vec![send(head), Act::Send(body)]
    })
    .await;
    let http = patient().build().unwrap();
    for (coding, bomb) in bombs() {
        let answer = get(&http, &server.url(&format!("/{coding}")))
            .await
            .unwrap();
        assert_eq!(answer.body(), bomb, "{coding}");
        assert_eq!(answer.header("content-encoding"), Some(coding));
        assert!(answer.into_text().is_err(), "{coding}");
    }
    assert!(
        !server
            .heads()
            .iter()
            .any(|head| head.contains("accept-encoding")),
        "nor is it asked for"
    );
    // This build has a decoder, which anything but the door would have used.
    plain_client_works();
    let plain = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = plain.get(server.url("/deflate")).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap().len(), 64 << 20);
}

/// Lets a client be built that is not the door's.
fn plain_client_works() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[tokio::test]
async fn a_connection_serves_one_request() {
    let two = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none\
               HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    let server = Hostile::start(move |path| match path {
        "/two" => vec![send(two)],
        "/next" => vec![send(
            "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 4\r\n\r\ntrue",
        )],
        _ => vec![send(
            "HTTP/1.1 302 X\r\nlocation: /next\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n",
        )],
    })
    .await;
    let names = Names::default();
    for name in ["a.example", "b.example"] {
        names.set(name, &[&["127.0.0.1"]]);
    }
    let http = patient().resolver(names.clone()).build().unwrap();
    let at = |host: &str, path: &str| format!("http://{host}:{}{path}", server.port);
    // The same host, another at the same address, and a redirect to the same host: each time a new
    // connection, to an address that was looked up for it.
    for (host, path, body) in [
        ("a.example", "/two", "one"),
        ("a.example", "/next", "true"),
        ("b.example", "/next", "true"),
        ("b.example", "/two", "one"),
        ("a.example", "/to", "true"),
    ] {
        let answer = get(&http, &at(host, path)).await.unwrap();
        assert_eq!(answer.into_text().unwrap(), body, "{host}{path}");
    }
    assert_eq!(server.connections(), 6);
    assert_eq!(
        names.asked(),
        [
            "a.example",
            "a.example",
            "b.example",
            "b.example",
            "a.example",
            "a.example"
        ]
    );
    for head in server.heads() {
        let host = head.lines().filter(|line| line.starts_with("host: "));
        assert_eq!(host.count(), 1, "{head}");
    }
}

#[tokio::test]
async fn an_answer_with_two_lengths_is_not_read_in_two_ways() {
    let server = Hostile::start(|path| match path {
        "/lengths" => vec![send(
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 6\r\n\r\nabcdef",
        )],
        "/list" => vec![send(
            "HTTP/1.1 200 OK\r\ncontent-length: 3, 6\r\n\r\nabcdef",
        )],
        "/negative" => vec![send("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nabc")],
        "/plus" => vec![send("HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\nabc")],
        "/chunk" => vec![send(CHUNKED), send("fffffffffffffffff\r\nabc")],
        _ => vec![send(CHUNKED), send("-1\r\nabc")],
    })
    .await;
    let http = patient().build().unwrap();
    for path in [
        "/lengths",
        "/list",
        "/negative",
        "/plus",
        "/chunk",
        "/minus",
    ] {
        refused!(
            get(&http, &server.url(path)).await,
            HttpError::Transport { .. }
        );
    }
}

#[tokio::test]
async fn arguments_do_not_become_headers_or_requests() {
    let server =
        Hostile::start(|_| vec![send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")]).await;
    let home = Home::new();
    let http = patient().build().unwrap();
    let toolbox = Toolbox::builder()
        .tool(HttpGet::new(&http))
        .tool(HttpPost::new(&http))
        .build()
        .unwrap();
    let gate = home.gate(toolbox);
    let pattern = UrlPattern::new("http", ["127.0.0.1"]).ports([server.port]);
    let held = home.held(
        &Scope::new()
            .grant(Grant::new("http.get").arg("url", url(pattern.clone())))
            .grant(
                Grant::new("http.post")
                    .arg("url", url(pattern))
                    .arg("body", any()),
            ),
    );
    for path in [
        "/\r\nx-evil: 1",
        "/\nx-evil: 1",
        "/ HTTP/1.1\r\nx-evil: 1\r\n\r\n",
        "/?q=\r\nx-evil: 1",
        "/\rx",
        "/\u{10d}\u{10a}x-evil: 1",
        "/\u{85}",
        "/\0",
        "/\tx",
        "/ x",
    ] {
        let raw = json!({ "url": server.url(path) }).to_string();
        denied!(call(&gate, &held, "http.get", &raw).await, Kind::Argument);
    }
    assert_eq!(server.connections(), 0);
    // Escaped, they are sent as they are written.
    let raw = json!({ "url": server.url("/?q=%0d%0ax-evil:%201") }).to_string();
    value!(call(&gate, &held, "http.get", &raw).await);
    // In a body they are a body.
    let body = "a\r\n\r\nGET /evil HTTP/1.1\r\nhost: evil\r\n\r\n";
    let raw = json!({ "url": server.url("/post"), "body": body }).to_string();
    value!(call(&gate, &held, "http.post", &raw).await);
    let heads = server.heads();
    assert_eq!(heads.len(), 2, "{heads:?}");
    assert!(heads[0].starts_with("GET /?q=%0d%0ax-evil:%201 HTTP/1.1\r\n"));
    assert!(!heads[0].to_lowercase().contains("\nx-evil"));
    assert!(heads[1].contains(&format!("content-length: {}\r\n", body.len())));

    // A redirect carries none either.
    for location in [
        "/a\rx-evil: 1",
        "/a%0d%0ax-evil: 1",
        "/a b",
        "/a\u{7f}",
        "/\u{e9}",
    ] {
        let target = location.to_owned();
        let server = Hostile::start(move |path| {
            vec![match path {
                "/" => send(format!(
                    "HTTP/1.1 302 X\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n"
                )),
                _ => send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
            }]
        })
        .await;
        let _ = get(&http, &server.url("/")).await;
        for head in server.heads() {
            let injected = head.contains("\nx-evil") || head.contains("\rx-evil");
            assert!(!injected, "{location:?}: {head}");
        }
    }
}

#[tokio::test]
async fn redirects_without_end_are_counted() {
    let server = Hostile::start(|path| {
        let number: usize = path.trim_start_matches("/n").parse().unwrap_or(0);
        let to = match path {
            "/self" => "/self".to_owned(),
            "/ping" => "/pong".to_owned(),
            "/pong" => "/ping".to_owned(),
            _ => format!("/n{}", number + 1),
        };
        vec![send(format!(
            "HTTP/1.1 307 X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
        ))]
    })
    .await;
    for (path, max) in [("/self", 5), ("/ping", 3), ("/n0", 20), ("/n0", 0)] {
        let http = patient().max_redirects(max).build().unwrap();
        let before = server.heads().len();
        match get(&http, &server.url(path)).await {
            Err(HttpError::TooManyRedirects { max: said, .. }) => assert_eq!(said, max),
            other => panic!("{path}: {other:?}"),
        }
        assert_eq!(server.heads().len(), before + max + 1, "{path}");
    }
}

/// What the child of [`proxies_of_the_environment_are_not_asked`] is told to fetch.
const TARGET: &str = "BAILIWICK_TEST_PROXY_TARGET";

#[tokio::test]
async fn proxies_of_the_environment_are_not_asked() {
    if let Ok(target) = std::env::var(TARGET) {
        return child_of_proxies(&target).await;
    }
    let answer = |text: &'static str| {
        move |_: &str| {
            vec![send(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}",
                text.len()
            ))]
        }
    };
    let server = Hostile::start(answer("the server")).await;
    let proxy = Hostile::start(answer("the proxy")).await;
    let mut child = bailiwick_integration_tests::child::this();
    child.args([
        "--exact",
        "http_hostile::proxies_of_the_environment_are_not_asked",
    ]);
    child.env(TARGET, server.url("/"));
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        child.env(name, proxy.url(""));
        child.env(name.to_uppercase(), proxy.url(""));
    }
    // A server of CGI scripts does not get its proxy from the header `Proxy`.
    child.env_remove("REQUEST_METHOD");
    child.env_remove("no_proxy").env_remove("NO_PROXY");
    let output = tokio::task::spawn_blocking(move || child.output().unwrap())
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
    // The door went to the server; what is not the door went to the proxy.
    assert_eq!((server.heads().len(), proxy.heads().len()), (1, 1));
}

async fn child_of_proxies(target: &str) {
    let answer = get(&patient().build().unwrap(), target).await.unwrap();
    assert_eq!(answer.into_text().unwrap(), "the server");
    plain_client_works();
    let plain = reqwest::Client::builder().build().unwrap();
    let answer = plain.get(target).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "the proxy");
}

#[tokio::test]
async fn a_call_that_runs_out_of_time_is_a_call_that_failed() {
    let server = Hostile::start(|_| vec![send(OK), Act::Drip(b"x".to_vec())]).await;
    let home = Home::new();
    let http = hasty().build().unwrap();
    let gate = home.gate(
        Toolbox::builder()
            .tool(HttpGet::new(&http))
            .build()
            .unwrap(),
    );
    let pattern = UrlPattern::new("http", ["127.0.0.1"]).ports([server.port]);
    let held = home.held(&Scope::new().grant(Grant::new("http.get").arg("url", url(pattern))));
    let raw = json!({ "url": server.url("/") }).to_string();
    let outcome = call(&gate, &held, "http.get", &raw).await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    let outcomes = home.outcomes().await;
    assert!(
        matches!(&outcomes[..], [Some(error)] if error.contains("took longer")),
        "{outcomes:?}"
    );
}
