//! Attack 18: URLs, redirects and names that point inside.

mod http {
    use std::sync::Arc;

    use bailiwick::capability::{AgentKey, Grant, Kind, Scope, any, url};
    use bailiwick::guard::{Answer, Policy, PolicyError, Question};
    use bailiwick::tool::Outcome;
    use bailiwick_integration_tests::support::web;
    use bailiwick_integration_tests::support::web::web;
    use bailiwick_integration_tests::{denied, value};

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
        async fn decide(&self, question: &Question<'_>) -> Result<Answer, PolicyError> {
            Ok(match question.call().arguments()["url"].as_str() {
                Some(url) if url.ends_with("/secret") => Answer::deny("a secret"),
                _ => Answer::permit(),
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

    /// The permission for an internal address holds for the URLs of the grant that names it.
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
}

mod url {
    //! Attack 18: URLs that mean another host than they seem to, redirects, and names that point inside.
    //! Each is tried against a server that is there and could be reached.

    use bailiwick::capability::{Grant, Held, Kind, Scope, UrlPattern, any, url};
    use bailiwick::tool::Outcome;
    use bailiwick_integration_tests::support::call;
    use bailiwick_integration_tests::support::names::Names;
    use bailiwick_integration_tests::support::web::{Server, Web, web, web_with};
    use bailiwick_integration_tests::{denied, support, value};
    use serde_json::json;

    /// Whether a grant of this host can be minted.
    fn mintable(web: &Web, host: &str) -> bool {
        let pattern = UrlPattern::new("http", [host]);
        let scope = Scope::new().grant(Grant::new("http.get").arg("url", url(pattern)));
        let (to, authority) = (support::public(), &web.home.authority);
        let minted = authority.mint(&scope, &Default::default(), to, support::start());
        minted.is_ok()
    }

    /// Addresses that lead to a cloud's metadata, or to this machine and those around it.
    const INSIDE: [&str; 28] = [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "0.0.0.1",
        "10.0.0.1",
        "172.31.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.1.1",
        "255.255.255.255",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "fe80::1",
        "fc00::1",
    ];

    /// A token for every URL: a refusal of a call with it is a refusal by the door, which holds under any grant.
    fn any_url(web: &Web) -> Held {
        web.home
            .held(&Scope::new().grant(Grant::new("http.get").arg("url", any())))
    }

    /// A token for the server by its name and its address, below `/v1/` and where it redirects from.
    fn granted(web: &Web) -> Held {
        let pattern = web.pattern(["127.0.0.1", "a.example"]);
        web.home.held(&web.scope(pattern.paths(["/v1/", "/to/"])))
    }

    /// No URL of these is fetched, not when it is asked for and not when it is redirected to.
    async fn none_is_fetched(web: &Web, urls: &[String]) {
        let held = granted(web);
        let control = value!(
            web.get(&held, &web.server.to(web.server.url("/v1/x")))
                .await
        );
        assert_eq!(control["body"], json!("hello"));
        for url in urls {
            denied!(web.get(&held, url).await, Kind::Argument);
            let before = web.server.seen().len();
            for held in [&held, &any_url(web)] {
                let outcome = web.get(held, url).await;
                assert!(
                    matches!(outcome, Outcome::Failed { .. } | Outcome::Denied(_)),
                    "{url}: {outcome:?}"
                );
            }
            assert_eq!(web.server.seen().len(), before, "{url}");
            let outcome = web.get(&held, &web.server.to(url.clone())).await;
            assert!(
                matches!(outcome, Outcome::Failed { .. }),
                "{url}: {outcome:?}"
            );
            assert_eq!(web.server.seen().len(), before + 1, "redirected to {url}");
        }
    }

    #[tokio::test]
    async fn attack_18_user_information_is_in_no_url() {
        let web = web().await;
        let port = web.server.port;
        let urls = [
            format!("http://user@127.0.0.1:{port}/v1/"),
            format!("http://user:pass@127.0.0.1:{port}/v1/"),
            format!("http://a.example@127.0.0.1:{port}/v1/"),
            format!("http://127.0.0.1:{port}@evil.example/v1/"),
            format!("http://127.0.0.1:{port}%2fv1%2f@evil.example/v1/"),
            format!("http://127.0.0.1%40evil.example:{port}/v1/"),
            format!("http://127.0.0.1:{port}\\@evil.example/v1/"),
            format!("http://evil.example:{port}\\@127.0.0.1:{port}/v1/"),
            format!("http://a.example:{port}:x@evil.example/v1/"),
        ];
        none_is_fetched(&web, &urls).await;
        // Empty user information means nothing, and is refused all the same where it is asked for. A
        // redirect is read by the standard, which drops it: then the host is the one that was granted.
        for empty in ["", ":"] {
            let url = format!("http://{empty}@127.0.0.1:{port}/v1/");
            for held in [granted(&web), any_url(&web)] {
                denied!(web.get(&held, &url).await, Kind::Argument);
            }
            let answer = value!(web.get(&granted(&web), &web.server.to(url)).await);
            assert_eq!(answer["url"], json!(web.server.url("/v1/")));
        }
    }

    #[tokio::test]
    async fn attack_18_a_host_in_other_numbers_is_not_the_one_that_was_granted() {
        let web = web().await;
        let port = web.server.port;
        // The kernel or another parser takes each for 127.0.0.1, or goes to this machine with it.
        let hosts = [
            "[::ffff:7f00:1]",
            "[::7f00:1]",
            "[::ffff:0:7f00:1]",
            "[::1]",
            "[2002:7f00:1::]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b:1::7f00:1]",
            "[2001:0:7f00:1::]",
            "[2606:4700::5efe:7f00:1]",
            "0.0.0.0",
            "[::]",
            "127.0.0.2",
        ];
        let urls = hosts.map(|host| format!("http://{host}:{port}/v1/"));
        none_is_fetched(&web, &urls).await;
        // Some of these the standard reads as 127.0.0.1. Asked for, they are not in normal form.
        let held = granted(&web);
        for host in [
            "2130706433",
            "017700000001",
            "0x7f000001",
            "0X7F000001",
            "0x7f.0.0.1",
            "0x7f.0x0.0x0.0x1",
            "0177.0.0.1",
            "0177.0.0.01",
            "127.1",
            "127.0.1",
            "127.0.0.1.",
            "127.000.000.001",
            "00127.0.0.1",
            "127.0.0.0x1",
            "127.0.0.1%00",
            "127%2e0.0.1",
            "\u{ff11}27.0.0.1",
            "127\u{3002}0.0.1",
            "\u{2460}27.0.0.1",
            "[::ffff:127.0.0.1]",
            "[0:0:0:0:0:ffff:7f00:1]",
            "[0000::1]",
            "[::1%25lo]",
            "[::1%lo]",
            "[fe80::1%25eth0]",
            "[::FFFF:7f00:1]",
            "[v1.127.0.0.1]",
            "[127.0.0.1]",
            "4294967297",
            "127.0.0.257",
            "1.127.0.0.1",
            "127.0.0.1:1",
        ] {
            let url = format!("http://{host}:{port}/v1/");
            let before = web.server.seen().len();
            for held in [&held, &any_url(&web)] {
                denied!(web.get(held, &url).await, Kind::Argument);
            }
            assert_eq!(web.server.seen().len(), before, "{host}");
            // Redirected to, what is asked of the token and connected to is how the standard reads it.
            if let Outcome::Value { value, .. } = web.get(&held, &web.server.to(url)).await {
                assert_eq!(value["url"], json!(web.server.url("/v1/")), "{host}");
            }
        }
        // Where only the name was granted, no spelling of the address leads there.
        let by_name = web.home.held(&web.scope(web.pattern(["a.example"])));
        for host in ["127.0.0.1", "127.1", "2130706433", "[::ffff:7f00:1]"] {
            let url = format!("http://{host}:{port}/v1/");
            denied!(web.get(&by_name, &url).await, Kind::Argument);
        }
    }

    #[tokio::test]
    async fn attack_18_a_host_ends_in_no_dot() {
        let names = Names::default();
        for name in ["a.example.", "a.example..", "evil.example."] {
            names.set(name, &[&["127.0.0.1"]]);
        }
        let web = web_with(names.clone()).await;
        let port = web.server.port;
        let urls = ["a.example.", "a.example..", "127.0.0.1.", ".a.example", "."]
            .map(|host| format!("http://{host}:{port}/v1/x"));
        let held = granted(&web);
        for url in &urls {
            for held in [&held, &any_url(&web)] {
                denied!(web.get(held, url).await, Kind::Argument);
            }
            if let Outcome::Value { value, .. } = web.get(&held, &web.server.to(url.clone())).await
            {
                // The standard reads `127.0.0.1.` as the address that was granted.
                assert_eq!(
                    (url, &value["url"]),
                    (&urls[2], &json!(web.server.url("/v1/x")))
                );
            }
        }
        let encoded = format!("http://a.example%2e:{port}/v1/x");
        denied!(web.get(&held, &encoded).await, Kind::Argument);
        assert_eq!(names.asked(), [""; 0], "no name with a dot is looked up");
        // Nor can one be granted.
        for host in ["a.example.", ".a.example."] {
            assert!(!mintable(&web, host), "{host}");
        }
    }

    #[tokio::test]
    async fn attack_18_a_name_in_other_letters_is_another_name() {
        let names = Names::default();
        let web = web_with(names.clone()).await;
        let port = web.server.port;
        let german = "xn--bcher-kva.example";
        names.set(german, &[&["127.0.0.1"]]);
        names.set("paypal.example", &[&["127.0.0.1"]]);
        let pattern = web.pattern(["127.0.0.1", german, "paypal.example"]);
        let held = web.home.held(&web.scope(pattern));
        let at = |host: &str| format!("http://{host}:{port}/v1/");
        for host in [german, "paypal.example"] {
            let answer = value!(web.get(&held, &at(host)).await);
            assert_eq!(answer["body"], json!("hello"));
        }
        assert_eq!(names.asked(), [german, "paypal.example"]);
        let asked = web.server.seen().len();
        for host in [
            // As people write it, other cases, composed otherwise.
            "b\u{fc}cher.example",
            "B\u{fc}cher.example",
            "bu\u{308}cher.example",
            "XN--bcher-kva.example",
            "xn--Bcher-kva.example",
            "xn--bcher-KVA.example",
            // Letters that look like those of the granted name, as people write them and encoded.
            "p\u{430}ypal.example",
            "xn--pypal-4ve.example",
            "\u{ff50}aypal.example",
            "paypa\u{2113}.example",
            "paypal\u{2024}example",
            "paypal.example\u{200b}",
            "pay\u{ad}pal.example",
            // Encodings of what needs none, of nothing, twice, and broken ones.
            "xn--paypal-.example",
            "xn--paypal.example",
            "xn--.example",
            "xn--xn--bcher-kva-.example",
            "xn--a-ecp.example",
            "xn--99999999.example",
        ] {
            denied!(web.get(&held, &at(host)).await, Kind::Argument);
            let outcome = web.get(&any_url(&web), &at(host)).await;
            assert!(
                matches!(outcome, Outcome::Failed { .. } | Outcome::Denied(_)),
                "{host}: {outcome:?}"
            );
        }
        assert_eq!(web.server.seen().len(), asked);
        // A grant is written in the letters that are sent.
        for host in ["b\u{fc}cher.example", "XN--bcher-kva.example"] {
            assert!(!mintable(&web, host), "{host}");
        }
    }

    #[tokio::test]
    async fn attack_18_a_redirect_leads_to_no_host_that_is_forbidden() {
        let names = Names::default();
        let web = web_with(names.clone()).await;
        let forbidden = Server::start().await;
        for name in ["a.example", "evil.example", "a.example.evil.example"] {
            names.set(name, &[&["127.0.0.1"]]);
        }
        let held = granted(&web);
        let (own, other) = (web.server.port, forbidden.port);
        for target in [
            format!("http://evil.example:{own}/v1/"),
            format!("http://a.example.evil.example:{own}/v1/"),
            format!("http://127.0.0.1:{other}/v1/"),
            format!("http://a.example:{other}/v1/"),
            format!("//evil.example:{own}/v1/"),
            format!("\\\\evil.example:{own}/v1/"),
            format!("/\\evil.example:{own}/v1/"),
            format!("https://a.example:{own}/v1/"),
            "http://169.254.169.254/v1/".to_owned(),
            format!("ftp://127.0.0.1:{own}/v1/"),
            "javascript:alert(1)".to_owned(),
            "data:text/plain,x".to_owned(),
            "file:///etc/passwd".to_owned(),
            "unix:///var/run/docker.sock".to_owned(),
        ] {
            // At once, and at the end of a way that is allowed.
            let first = web.server.to(target.clone());
            let second = web.server.to(web.server.to(first.clone()));
            for (url, hops) in [(first, 1), (second, 3)] {
                let before = web.server.seen().len();
                let outcome = web.get(&held, &url).await;
                assert!(
                    matches!(outcome, Outcome::Failed { .. }),
                    "{target}: {outcome:?}"
                );
                assert_eq!(web.server.seen().len(), before + hops, "{target}");
            }
            // What was to be sent is not sent on.
            let raw = json!({ "url": web.server.to(target.clone()), "body": "x" }).to_string();
            let outcome = call(&web.gate, &held, "http.post", &raw).await;
            assert!(matches!(outcome, Outcome::Failed { .. }), "{target}");
        }
        assert!(forbidden.seen().is_empty(), "{:?}", forbidden.seen());
        let asked = names.asked();
        assert!(
            !asked.iter().any(|name| name.contains("evil")),
            "not even looked up: {asked:?}"
        );
    }

    #[tokio::test]
    async fn attack_18_answers_of_a_resolver_that_point_inside_are_not_connected_to() {
        let names = Names::default();
        let web = web_with(names.clone()).await;
        let port = web.server.port;
        let by_name = web
            .home
            .held(&web.scope(web.pattern(["a.example", "b.example"])));
        let at = |host: &str| format!("http://{host}:{port}/latest/meta-data/");
        for address in INSIDE {
            for answer in [
                vec![address],
                vec!["93.184.216.34", address],
                vec![address, "93.184.216.34"],
                vec!["2606:2800:220::1", "93.184.216.34", address],
            ] {
                names.set("a.example", &[&answer]);
                for held in [&by_name, &any_url(&web)] {
                    let outcome = web.get(held, &at("a.example")).await;
                    let text = format!("{outcome:?}");
                    assert!(
                        matches!(outcome, Outcome::Failed { .. }) && text.contains("resolves to a"),
                        "{answer:?}: {text}"
                    );
                    assert!(!text.contains(address), "the model learns it: {text}");
                }
            }
        }
        assert!(web.server.seen().is_empty());
        // Granted is this one address, so every other one is still inside.
        let held = granted(&web);
        for address in INSIDE {
            names.set("a.example", &[&[address]]);
            let outcome = web
                .get(&held, &format!("http://a.example:{port}/v1/"))
                .await;
            assert_eq!(
                matches!(outcome, Outcome::Value { .. }),
                address == "127.0.0.1",
                "{address}: {outcome:?}"
            );
        }
        assert_eq!(web.server.seen().len(), 1);
    }

    #[tokio::test]
    async fn attack_18_a_name_is_bound_again_at_each_redirect_and_vetted_each_time() {
        let names = Names::default();
        let web = web_with(names.clone()).await;
        let port = web.server.port;
        let held = granted(&web);
        let plain = format!("http://a.example:{port}/v1/");
        // The address that is checked is the one that is connected to: one look-up, even if the next would differ.
        names.set("a.example", &[&["127.0.0.1"], &["169.254.169.254"]]);
        let answer = value!(web.get(&held, &plain).await);
        assert_eq!(answer["body"], json!("hello"));
        assert_eq!(names.asked(), ["a.example"]);
        // The other way round, what was asked second is never used.
        names.set("a.example", &[&["169.254.169.254"], &["127.0.0.1"]]);
        let outcome = web.get(&held, &plain).await;
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
        assert_eq!(names.asked(), ["a.example"]);
        // The answer changes between the redirect and its target, once for each address inside.
        for address in INSIDE {
            if address == "127.0.0.1" {
                continue;
            }
            names.set("a.example", &[&["127.0.0.1"], &[address]]);
            let to = web.server.to(plain.clone());
            let to = to.replace("127.0.0.1", "a.example");
            let before = web.server.seen().len();
            let outcome = web.get(&held, &to).await;
            assert!(
                matches!(outcome, Outcome::Failed { .. }),
                "{address}: {outcome:?}"
            );
            assert_eq!(web.server.seen().len(), before + 1);
            assert_eq!(names.asked(), ["a.example", "a.example"]);
        }
    }
}
