//! Files and network, reached through tokens: what was checked is what is opened.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bailiwick::capability::{
    Constraint, Grant, Held, Kind, Scope, UrlPattern, any, eq, path_under, prefix, url,
};
use bailiwick::tool::fs::{AppendFile, Dir, ListFiles, Mount, ReadFile, WriteFile};
use bailiwick::tool::http::{Http, HttpGet, HttpPost, Resolve};
use bailiwick::tool::{Gate, Outcome, Toolbox};
use common::{Home, call};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

struct Files {
    real: TempDir,
    home: Home,
    gate: Gate,
}

/// `/srv` on a real directory with `docs/a.txt`, `docs/sub/b.txt`, `secret/s.txt`; and beside the
/// mount a file that nobody may see.
fn files() -> Files {
    let real = TempDir::new().unwrap();
    let root = real.path();
    fs::write(root.join("outside.txt"), "OUTSIDE").unwrap();
    for dir in ["srv/docs/sub", "srv/secret", "srv/docs-old"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    for (name, text) in [
        ("docs/a.txt", "a"),
        ("docs/sub/b.txt", "b"),
        ("secret/s.txt", "SECRET"),
        ("docs-old/o.txt", "OLD"),
    ] {
        fs::write(root.join("srv").join(name), text).unwrap();
    }
    let dir = Dir::mount("/srv", root.join("srv")).unwrap();
    let home = Home::new();
    let gate = home.gate(over(&dir));
    Files { real, home, gate }
}

fn over(dir: &Dir) -> Toolbox {
    Toolbox::builder()
        .tool(ReadFile::new(dir))
        .tool(WriteFile::new(dir))
        .tool(AppendFile::new(dir))
        .tool(ListFiles::new(dir))
        .build()
        .unwrap()
}

impl Files {
    fn srv(&self, name: &str) -> std::path::PathBuf {
        self.real.path().join("srv").join(name)
    }

    fn held(&self, paths: Constraint) -> Held {
        let scope = Scope::new()
            .grant(Grant::new("fs.read").arg("path", paths.clone()))
            .grant(Grant::new("fs.list").arg("path", paths.clone()))
            .grant(
                Grant::new("fs.write")
                    .arg("path", paths.clone())
                    .arg("text", any()),
            )
            .grant(
                Grant::new("fs.append")
                    .arg("path", paths)
                    .arg("text", any()),
            );
        self.home.held(&scope)
    }

    async fn read(&self, held: &Held, path: &str) -> Outcome {
        call(
            &self.gate,
            held,
            "fs.read",
            &json!({ "path": path }).to_string(),
        )
        .await
    }

    async fn write(&self, held: &Held, how: &str, path: &str, text: &str) -> Outcome {
        let raw = json!({ "path": path, "text": text }).to_string();
        call(&self.gate, held, how, &raw).await
    }
}

/// The door refused what the token's text allowed.
fn refused(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    let text = format!("{outcome:?}");
    assert!(
        !text.contains("SECRET") && !text.contains("OUTSIDE"),
        "{text}"
    );
}

#[tokio::test]
async fn files_are_read_written_appended_and_listed() {
    let files = files();
    let held = files.held(path_under("/srv/docs"));
    assert_eq!(value!(files.read(&held, "/srv/docs/sub/b.txt").await), "b");
    value!(
        files
            .write(&held, "fs.write", "/srv/docs/n.txt", "one")
            .await
    );
    value!(
        files
            .write(&held, "fs.append", "/srv/docs/n.txt", " two")
            .await
    );
    assert_eq!(
        fs::read_to_string(files.srv("docs/n.txt")).unwrap(),
        "one two"
    );
    let listed = value!(call(&files.gate, &held, "fs.list", r#"{"path":"/srv/docs"}"#).await);
    let names: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|line| &line["name"])
        .collect();
    assert_eq!(names, ["a.txt", "n.txt", "sub"]);
}

#[tokio::test]
async fn what_is_read_carries_its_taint() {
    let files = files();
    let held = files.held(path_under("/srv"));
    let Outcome::Value { taint, .. } = files.read(&held, "/srv/docs/a.txt").await else {
        panic!()
    };
    assert!(taint.contains("file"));
}

#[tokio::test]
async fn attack_17_a_path_has_one_spelling() {
    let files = files();
    let held = files.held(path_under("/srv/docs"));
    for path in [
        "/srv/docs/../secret/s.txt",
        "/srv/docs/./a.txt",
        "/srv/docs//a.txt",
        "/srv/docs/..",
        "/srv/docs/../docs/a.txt",
        "/srv/docs\\..\\secret\\s.txt",
        "srv/docs/a.txt",
        "../secret/s.txt",
        "",
        "/srv/docs/a.txt\0",
        "/srv/docs/a.txt\n",
        "/etc/passwd",
        "/srv/docs-old/o.txt",
        "/srv/doc",
        "/srv/secret/s.txt",
        "/SRV/docs/a.txt",
        "file:///srv/docs/a.txt",
        "~/docs/a.txt",
    ] {
        for how in ["fs.read", "fs.list"] {
            let raw = json!({ "path": path }).to_string();
            denied!(call(&files.gate, &held, how, &raw).await, Kind::Argument);
        }
        denied!(
            files.write(&held, "fs.write", path, "x").await,
            Kind::Argument
        );
        denied!(
            files.write(&held, "fs.append", path, "x").await,
            Kind::Argument
        );
    }
}

#[tokio::test]
async fn attack_17_nothing_is_decoded_on_the_way_to_the_file() {
    let files = files();
    let held = files.held(path_under("/srv/docs"));
    for path in [
        "/srv/docs/%2e%2e/secret/s.txt",
        "/srv/docs/%2e%2e%2fsecret%2fs.txt",
        "/srv/docs/..%2fsecret/s.txt",
        "/srv/docs/．．/secret/s.txt",
        "/srv/docs/ ../secret/s.txt",
        "/srv/docs/.../secret/s.txt",
    ] {
        let outcome = files.read(&held, path).await;
        assert!(
            matches!(outcome, Outcome::Failed { .. } | Outcome::Denied(_)),
            "{path}: {outcome:?}"
        );
        assert!(!format!("{outcome:?}").contains("SECRET"), "{path}");
    }
}

#[tokio::test]
async fn attack_17_links_do_not_lead_out_of_mount_or_grant() {
    let files = files();
    let outside = files.real.path().join("outside.txt");
    let links: [(&str, &Path); 6] = [
        ("docs/out.txt", &outside),
        ("docs/up.txt", Path::new("../../outside.txt")),
        ("docs/inside.txt", Path::new("../secret/s.txt")),
        ("docs/dir", Path::new("../secret")),
        ("docs/dirout", files.real.path()),
        ("docs/proc", Path::new("/proc/self")),
    ];
    for (name, target) in links {
        symlink(target, files.srv(name)).unwrap();
    }
    // One that stays inside the grant works.
    symlink("sub/b.txt", files.srv("docs/good.txt")).unwrap();
    for paths in [
        path_under("/srv/docs"),
        path_under("/srv/docs/sub"),
        prefix("/srv/docs"),
        any(),
    ] {
        let held = files.held(paths.clone());
        for path in [
            "out.txt",
            "up.txt",
            "dirout/outside.txt",
            "dirout/srv/secret/s.txt",
            "proc/environ",
        ] {
            let outcome = files.read(&held, &format!("/srv/docs/{path}")).await;
            assert!(
                matches!(outcome, Outcome::Failed { .. } | Outcome::Denied(_)),
                "{paths:?} {path}: {outcome:?}"
            );
        }
    }
    let held = files.held(path_under("/srv/docs"));
    for path in ["inside.txt", "dir/s.txt"] {
        refused(&files.read(&held, &format!("/srv/docs/{path}")).await);
        for how in ["fs.write", "fs.append"] {
            refused(
                &files
                    .write(&held, how, &format!("/srv/docs/{path}"), "x")
                    .await,
            );
        }
    }
    assert_eq!(
        fs::read_to_string(files.srv("secret/s.txt")).unwrap(),
        "SECRET"
    );
    refused(&call(&files.gate, &held, "fs.list", r#"{"path":"/srv/docs/dir"}"#).await);
    assert_eq!(value!(files.read(&held, "/srv/docs/good.txt").await), "b");
    // Granted by its text, a path is itself and no link.
    for paths in [eq("/srv/docs/inside.txt"), prefix("/srv/docs/inside")] {
        refused(&files.read(&files.held(paths), "/srv/docs/inside.txt").await);
    }
    // Whoever holds all of the mount may follow a link inside it.
    assert_eq!(
        value!(
            files
                .read(&files.held(path_under("/srv")), "/srv/docs/inside.txt")
                .await
        ),
        "SECRET"
    );
}

#[tokio::test]
async fn attack_17_a_hop_moves_the_grant_inward_and_never_outward() {
    let files = files();
    symlink("../a.txt", files.srv("docs/sub/up.txt")).unwrap();
    let scope = |root: &str| {
        Scope::new().grant(Grant::new("fs.read").arg("path", path_under(root.to_owned())))
    };
    let parent = files.home.held(
        &scope("/srv/docs")
            .grant(Grant::spawn(["child"]))
            .max_depth(1),
    );
    let child = files.home.child(&parent, &scope("/srv/docs/sub"));
    assert_eq!(
        value!(files.read(&parent, "/srv/docs/sub/up.txt").await),
        "a"
    );
    refused(&files.read(&child, "/srv/docs/sub/up.txt").await);
    assert_eq!(value!(files.read(&child, "/srv/docs/sub/b.txt").await), "b");
}

#[tokio::test]
async fn attack_17_the_granted_directory_itself_is_no_link() {
    let files = files();
    fs::remove_dir_all(files.srv("docs")).unwrap();
    symlink("secret", files.srv("docs")).unwrap();
    let held = files.held(path_under("/srv/docs"));
    refused(&files.read(&held, "/srv/docs/s.txt").await);
    refused(&files.write(&held, "fs.write", "/srv/docs/s.txt", "x").await);
}

#[tokio::test]
async fn attack_17_a_file_with_two_names_is_refused() {
    let files = files();
    fs::hard_link(files.srv("secret/s.txt"), files.srv("docs/hard.txt")).unwrap();
    fs::hard_link(
        files.real.path().join("outside.txt"),
        files.srv("docs/harder.txt"),
    )
    .unwrap();
    let held = files.held(path_under("/srv/docs"));
    for path in ["/srv/docs/hard.txt", "/srv/docs/harder.txt"] {
        refused(&files.read(&held, path).await);
        refused(&files.write(&held, "fs.append", path, "x").await);
        refused(&files.write(&held, "fs.write", path, "x").await);
    }
    assert_eq!(
        fs::read_to_string(files.srv("secret/s.txt")).unwrap(),
        "SECRET"
    );
    let mount = Mount::open("/srv", files.srv(""))
        .unwrap()
        .allow_hard_links();
    let gate = files.home.gate(over(&Dir::from(mount)));
    assert_eq!(
        value!(call(&gate, &held, "fs.read", r#"{"path":"/srv/docs/hard.txt"}"#).await),
        "SECRET"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attack_17_a_race_between_check_and_open_is_lost_by_the_attacker() {
    let files = files();
    let held = files.held(path_under("/srv/docs"));
    let stop = Arc::new(AtomicBool::new(false));
    let (real, over) = (files.real.path().to_owned(), stop.clone());
    // A directory, then a link to the secret one, then the directory again, as fast as it goes.
    let attacker = std::thread::spawn(move || {
        let (here, aside, link) = (
            real.join("srv/docs/sub"),
            real.join("srv/aside"),
            real.join("srv/link"),
        );
        while !over.load(Ordering::Relaxed) {
            symlink(real.join("srv/secret"), &link).unwrap();
            fs::rename(&here, &aside).unwrap();
            fs::rename(&link, &here).unwrap();
            fs::remove_file(&here).unwrap();
            fs::rename(&aside, &here).unwrap();
        }
    });
    fs::write(files.srv("docs/sub/s.txt"), "mine").unwrap_or_default();
    let mut got = 0;
    for _ in 0..300 {
        match files.read(&held, "/srv/docs/sub/s.txt").await {
            Outcome::Value { value, .. } => {
                assert_eq!(value, "mine");
                got += 1;
            }
            other => refused(&other),
        }
        let written = files
            .write(&held, "fs.append", "/srv/docs/sub/s.txt", "")
            .await;
        assert!(matches!(
            written,
            Outcome::Value { .. } | Outcome::Failed { .. }
        ));
        let _ = files
            .write(&held, "fs.write", "/srv/docs/sub/w.txt", "w")
            .await;
    }
    stop.store(true, Ordering::Relaxed);
    attacker.join().unwrap();
    assert!(!files.srv("secret/w.txt").exists());
    assert_eq!(
        fs::read_to_string(files.srv("secret/s.txt")).unwrap(),
        "SECRET"
    );
    assert!(got <= 300);
}

/// A server on this machine, which answers by path and remembers what it was asked.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    targets: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `/to/<n>` redirects to the n-th target; everything else is answered with `hello`.
    async fn start() -> Self {
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

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A URL here that redirects to `target`.
    fn to(&self, target: impl Into<String>) -> String {
        let mut targets = self.targets.lock().unwrap();
        targets.push(target.into());
        self.url(&format!("/to/{}", targets.len() - 1))
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Every name leads to this machine.
struct Inward;

#[async_trait::async_trait]
impl Resolve for Inward {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
        Ok(vec![std::net::Ipv4Addr::LOCALHOST.into()])
    }
}

struct Web {
    server: Server,
    home: Home,
    gate: Gate,
}

async fn web() -> Web {
    let http = Http::builder().resolver(Inward).build().unwrap();
    let home = Home::new();
    let toolbox = Toolbox::builder()
        .tool(HttpGet::new(&http))
        .tool(HttpPost::new(&http));
    let gate = home.gate(toolbox.build().unwrap());
    Web {
        server: Server::start().await,
        home,
        gate,
    }
}

impl Web {
    fn pattern<const N: usize>(&self, hosts: [&'static str; N]) -> UrlPattern {
        UrlPattern::new("http", hosts).ports([self.server.port])
    }

    fn scope(&self, pattern: UrlPattern) -> Scope {
        Scope::new()
            .grant(Grant::new("http.get").arg("url", url(pattern.clone())))
            .grant(
                Grant::new("http.post")
                    .arg("url", url(pattern))
                    .arg("body", any()),
            )
    }

    async fn get(&self, held: &Held, url: &str) -> Outcome {
        call(
            &self.gate,
            held,
            "http.get",
            &json!({ "url": url }).to_string(),
        )
        .await
    }
}

#[tokio::test]
async fn an_address_that_is_granted_by_itself_is_reached() {
    let web = web().await;
    let held = web
        .home
        .held(&web.scope(web.pattern(["127.0.0.1"]).paths("/")));
    let answer = value!(web.get(&held, &web.server.url("/x")).await);
    assert_eq!(
        (&answer["status"], &answer["body"]),
        (&json!(200), &json!("hello"))
    );
    let raw = json!({ "url": web.server.url("/post"), "body": "b" }).to_string();
    let outcome = call(&web.gate, &held, "http.post", &raw).await;
    let Outcome::Value { taint, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(taint.contains("web"));
    assert_eq!(web.server.seen(), ["/x", "/post"]);
}

#[tokio::test]
async fn attack_18_a_url_has_one_spelling_and_one_host() {
    let web = web().await;
    let held = web
        .home
        .held(&web.scope(web.pattern(["127.0.0.1", "a.example"]).paths("/v1/")));
    let port = web.server.port;
    for url in [
        format!("http://a.example@127.0.0.1:{port}/v1/"),
        format!("http://a.example:{port}@127.0.0.1:{port}/v1/"),
        format!("http://2130706433:{port}/v1/"),
        format!("http://0x7f000001:{port}/v1/"),
        format!("http://0177.0.0.1:{port}/v1/"),
        format!("http://127.1:{port}/v1/"),
        format!("http://[::ffff:127.0.0.1]:{port}/v1/"),
        format!("http://[::1]:{port}/v1/"),
        format!("http://localhost:{port}/v1/"),
        format!("http://127.0.0.1.:{port}/v1/"),
        format!("http://a.example.:{port}/v1/"),
        format!("http://A.example:{port}/v1/"),
        format!("http://a.example.evil.io:{port}/v1/"),
        format!("http://ａ.example:{port}/v1/"),
        format!("http://a。example:{port}/v1/"),
        format!("http://127.0.0.1:{port}/v1/../secret"),
        format!("http://127.0.0.1:{port}/v1/%2e%2e/secret"),
        format!("http://127.0.0.1:{port}/v1\\x"),
        format!("http:\\\\127.0.0.1:{port}/v1/"),
        format!("http://127.0.0.1:{port}/v1/#x"),
        format!("http://127.0.0.1:{port}/v10"),
        format!("http://127.0.0.1:{}/v1/", port ^ 1),
        "http://127.0.0.1/v1/".to_owned(),
        format!("https://127.0.0.1:{port}/v1/"),
        format!("HTTP://127.0.0.1:{port}/v1/"),
        format!(" http://127.0.0.1:{port}/v1/"),
        format!("http://127.0.0.1:{port}/v1/\t"),
        "file:///etc/passwd".to_owned(),
        format!("//127.0.0.1:{port}/v1/"),
        String::new(),
    ] {
        denied!(web.get(&held, &url).await, Kind::Argument);
    }
    assert!(web.server.seen().is_empty());
}

#[tokio::test]
async fn attack_18_a_name_that_points_inside_is_not_reached() {
    let web = web().await;
    let port = web.server.port;
    let inside = format!("http://a.example:{port}/");
    let held = web.home.held(&web.scope(web.pattern(["a.example"])));
    let outcome = web.get(&held, &inside).await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    // Any host is no address.
    let any_host = web
        .home
        .held(&Scope::new().grant(Grant::new("http.get").arg("url", any())));
    for url in [
        inside.clone(),
        web.server.url("/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let outcome = web.get(&any_host, &url).await;
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    }
    // What an ancestor may reach by address is not the child's, nor may a child name it itself.
    let wide = web
        .scope(web.pattern(["a.example", "127.0.0.1"]))
        .grant(Grant::spawn(["child"]))
        .max_depth(1);
    let parent = web.home.held(&wide);
    assert!(matches!(
        web.get(&parent, &inside).await,
        Outcome::Value { .. }
    ));
    let child = web
        .home
        .child(&parent, &web.scope(web.pattern(["a.example"])));
    let outcome = web.get(&child, &inside).await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    let loose = Scope::new()
        .grant(Grant::new("http.get").arg("url", any()))
        .grant(Grant::spawn(["child"]))
        .max_depth(1);
    let parent = web.home.held(&loose);
    let narrow =
        Scope::new().grant(Grant::new("http.get").arg("url", url(web.pattern(["127.0.0.1"]))));
    let outcome = web
        .get(&web.home.child(&parent, &narrow), &web.server.url("/"))
        .await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(web.server.seen().len(), 1);
}

#[tokio::test]
async fn attack_18_each_redirect_is_asked_of_the_token() {
    let web = web().await;
    let held = web
        .home
        .held(&web.scope(web.pattern(["127.0.0.1"]).paths(["/v1/", "/to/"])));
    for to in [
        "/v1/x".to_owned(),
        "../v1/x".to_owned(),
        web.server.url("/v1/x"),
    ] {
        let answer = value!(web.get(&held, &web.server.to(to)).await);
        assert_eq!(answer["url"], web.server.url("/v1/x"));
    }
    let port = web.server.port;
    for to in [
        web.server.url("/secret"),
        "/secret".to_owned(),
        format!("http://a.example:{port}/v1/"),
        format!("http://[::1]:{port}/v1/"),
        "http://169.254.169.254/v1/".to_owned(),
        format!("http://user@127.0.0.1:{port}/v1/"),
        format!("//a.example:{port}/v1/"),
        "/v1/../secret".to_owned(),
        format!("http://127.0.0.1:{}/v1/", port ^ 1),
        "file:///etc/passwd".to_owned(),
        format!("https://127.0.0.1:{port}/v1/"),
    ] {
        let asked = web.server.seen().len();
        let outcome = web.get(&held, &web.server.to(to.clone())).await;
        assert!(
            matches!(outcome, Outcome::Failed { .. }),
            "{to}: {outcome:?}"
        );
        assert_eq!(web.server.seen().len(), asked + 1, "{to}");
    }
    assert!(
        !web.server.seen().iter().any(|path| path == "/secret"),
        "{:?}",
        web.server.seen()
    );
}
