//! The network, reached through tokens: what was checked is what is requested.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use bailiwick::tool::Outcome;
use bailiwick_integration_tests::support::call;
use bailiwick_integration_tests::support::web::web;
use bailiwick_integration_tests::value;
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
