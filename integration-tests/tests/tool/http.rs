//! The network, reached through tokens: what was checked is what is requested.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use bailiwick::capability::{AgentKey, Call, Chain, Grant, Kind, Scope, any, url};
use bailiwick::guard::{Context, Decision, Policy};
use bailiwick::tool::Outcome;
use bailiwick_integration_tests::support::call;
use bailiwick_integration_tests::support::web;
use bailiwick_integration_tests::support::web::web;
use bailiwick_integration_tests::{denied, value};
use serde_json::json;

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
    let Outcome::Value { exposure, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(exposure.taint.contains("web"));
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

/// Allows a call, and was asked about this one URL.
struct Public;

#[async_trait::async_trait]
impl Policy for Public {
    async fn decide(&self, _: &Chain, call: &Call, _: &Context) -> Result<Decision, String> {
        Ok(match call.arguments()["url"].as_str() {
            Some(url) if url.ends_with("/secret") => Decision::Deny("a secret".to_owned()),
            _ => Decision::Permit,
        })
    }
}

#[tokio::test]
async fn attack_18_a_redirect_does_not_lead_past_a_policy() {
    let web = web::web_with_policy(Arc::new(Public)).await;
    let held = web
        .home
        .held(&web.scope(web.pattern(["127.0.0.1"]).paths("/")));
    for to in ["/secret", "/fine"] {
        let Outcome::Failed { error, .. } = web.get(&held, &web.server.to(to)).await else {
            panic!()
        };
        let (error, target) = (error.to_string(), web.server.url(to));
        assert!(error.contains("call the tool with this URL"), "{error}");
        assert!(error.contains(&target), "{error}");
    }
    assert_eq!(web.server.seen(), ["/to/0", "/to/1"]);
    // As a call of its own it is decided like any other.
    denied!(
        web.get(&held, &web.server.url("/secret")).await,
        Kind::Policy
    );
    value!(web.get(&held, &web.server.url("/fine")).await);
}

/// Leave for an address inside is for the URLs of the grant that names it.
#[tokio::test]
async fn attack_18_an_address_inside_is_reached_by_the_grant_that_names_it_alone() {
    let web = web().await;
    let port = web.server.port;
    let get = |pattern| Grant::new("http.get").arg("url", url(pattern));
    let inside = || web.pattern(["b.example", "127.0.0.1"]);
    let held = web.home.held(
        &Scope::new()
            .grant(get(web.pattern(["a.example"])))
            .grant(get(inside().paths(["/to/", "/in/"]))),
    );
    let from = |to: &str| {
        let to = web.server.to(to);
        to.replace("127.0.0.1", "b.example")
    };
    // By name to a path that the grant is for, and from there by address.
    let loopback = web.server.to(format!("http://127.0.0.1:{port}/in/x"));
    value!(web.get(&held, &loopback).await);
    let seen = web.server.seen().len();
    let aside = from(&format!("http://a.example:{port}/secret"));
    let outcome = web.get(&held, &aside).await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(web.server.seen().len(), seen + 1, "{:?}", web.server.seen());

    // An approval that is missing gives no leave either.
    let approver = AgentKey::generate().public();
    let held = web.home.held(
        &Scope::new()
            .grant(get(web.pattern(["a.example"])))
            .grant(get(web.pattern(["a.example", "127.0.0.1"])).approved_by([approver])),
    );
    let outcome = web.get(&held, &format!("http://a.example:{port}/")).await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(web.server.seen().len(), seen + 1);
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
