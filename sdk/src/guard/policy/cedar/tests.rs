//! Cedar policies, loaded and asked.

use serde_json::{Value, json};

use super::*;
use crate::capability::Call;
use crate::guard::policy::tests::World;
use crate::id::hex;

/// The declarations of `fs.read`, with arguments of each type.
fn tools() -> Value {
    let list = json!({ "type": "array", "items": { "type": "string" } });
    let point = json!({
        "type": "object",
        "properties": { "x": { "type": "integer" }, "y": { "type": "integer" } },
        "required": ["x"],
        "additionalProperties": false,
    });
    json!({
        "version": 1,
        "tools": [{
            "capability": "fs.read",
            "effect": "read",
            "risk": "low",
            "parameters": {
                "type": "object",
                "properties": {
                    "path": { "type": "string" },
                    "size": { "type": ["integer", "null"] },
                    "part": { "type": "number" },
                    "deep": { "type": "boolean" },
                    "names": list,
                    "point": point,
                    "open": { "type": "object" },
                    "any": {},
                    "either": { "anyOf": [{ "type": "string" }, { "type": "integer" }] },
                },
                "required": ["path"],
            },
        }],
    })
}

fn load(policies: &str) -> Result<CedarPolicy, CedarError> {
    CedarPolicy::load(policies, &tools().to_string())
}

/// The answer about a call with these arguments.
fn ask(policies: &str, arguments: &str) -> Result<Answer, PolicyError> {
    let mut world = World::new();
    world.call = Call::parse("fs.read", arguments).unwrap();
    load(policies).unwrap().judge(&world.question())
}

fn decision(policies: &str) -> Decision {
    ask(policies, r#"{"path":"/srv/a"}"#).unwrap().decision
}

const ALL: &str = "permit(principal, action, resource);";

fn when(condition: &str) -> String {
    format!("permit(principal, action == Action::\"fs.read\", resource) when {{ {condition} }};")
}

#[test]
fn a_call_is_allowed_only_by_a_permit_and_by_no_forbid() {
    assert_eq!(decision(ALL), Decision::Permit);
    for (denies, reason) in [
        ("", "no policy permits"),
        (
            "permit(principal, action == Action::\"agent.spawn\", resource);",
            "no policy permits",
        ),
        (
            &format!("{ALL} forbid(principal, action, resource);"),
            "forbids",
        ),
        (
            &format!("forbid(principal, action, resource); {ALL}"),
            "forbids",
        ),
    ] {
        let Decision::Deny(why) = decision(denies) else {
            panic!("{denies}")
        };
        assert!(why.contains(reason), "{why}");
    }
}

#[test]
fn an_answer_names_the_deciding_policies_the_set_and_the_engine() {
    let policies = r#"@id("b") permit(principal, action, resource);
        @id("a") permit(principal, action, resource);
        @id("c") permit(principal == Agent::"other", action, resource);
        permit(principal, action, resource);"#;
    let answer = ask(policies, r#"{"path":"/a"}"#).unwrap();
    let loaded = load(policies).unwrap();
    let expected = DecidedBy {
        set: Some(loaded.digest()),
        engine: Some(format!("cedar-policy {}", get_sdk_version())),
        policies: ["a", "b", "policy3"].map(str::to_owned).into(),
    };
    assert_eq!(answer.by, [expected]);
    // The digest is of the text and of the tools.
    assert_eq!(loaded.digest(), load(policies).unwrap().digest());
    assert_ne!(
        loaded.digest(),
        load(&format!("{policies} ")).unwrap().digest()
    );
    let no_tools = r#"{"version":1,"tools":[]}"#;
    assert_ne!(
        load(ALL).unwrap().digest(),
        CedarPolicy::load(ALL, no_tools).unwrap().digest()
    );
    assert!(format!("{loaded:?}").contains(&hex::write(&loaded.digest())));
}

#[test]
fn each_part_of_a_question_can_be_read() {
    for condition in [
        r#"principal == Agent::"lead/reader""#,
        r#"principal in Agent::"lead""#,
        r#"principal in Role::"reader""#,
        r#"action == Action::"fs.read""#,
        r#"action in Effect::Action::"read""#,
        r#"resource == Tool::"fs.read""#,
        r#"context.time == datetime("2027-01-15T08:00:00Z")"#,
        r#"context.token.expires > context.time"#,
        r#"context.agent.path == "lead/reader" && context.agent.depth == 1"#,
        r#"context.agent.roles == ["reader"]"#,
        r#"context.agent.key like "ed25519/*""#,
        r#"context.token has principal && context.token.principal == "ann@a.org""#,
        r#"context.token has intent && context.token.intent == "read""#,
        r#"context.token.id != context.token.lineage && context.call != """#,
        r#"context.effect == "read""#,
        r#"context has risk && context.risk == "low" && context has risk_level && context.risk_level == 0"#,
        r#"context has sensitivity && context.sensitivity == "internal""#,
        r#"context has sensitivity_level && context.sensitivity_level == 1"#,
        r#"context has taint && context.taint.contains("web")"#,
        r#"context has owner && context.owner == "files""#,
        r#"!(context has dataset) && !(context has task) && !(context has step)"#,
        r#"!(context has environment) && !(context has audience) && !(context has intent)"#,
        r#"!context.approved_by.contains("x")"#,
    ] {
        assert_eq!(decision(&when(condition)), Decision::Permit, "{condition}");
    }
    for condition in [
        r#"principal in Role::"lead""#,
        r#"principal in Agent::"lead/rea""#,
        r#"action in Effect::Action::"write""#,
        r#"context.agent.depth > 1"#,
    ] {
        assert_ne!(decision(&when(condition)), Decision::Permit, "{condition}");
    }
}

#[test]
fn each_argument_has_a_value_of_its_type() {
    let arguments = r#"{"path":"/srv/a","size":-7,"part":1.0625,"deep":true,"names":["b","a"],
        "point":{"x":1},"open":{"k":[null,0.123456]},"any":5,"either":"x"}"#;
    for condition in [
        r#"context.arguments.path like "/srv/*""#,
        r#"context.arguments has size && context.arguments.size == -7"#,
        r#"context.arguments has part && context.arguments.part.lessThan(decimal("1.0626"))"#,
        r#"context.arguments has part && context.arguments.part == decimal("1.0625")"#,
        r#"context.arguments has deep && context.arguments.deep"#,
        r#"context.arguments has names && context.arguments.names == ["a", "b"]"#,
        r#"context.arguments has point && context.arguments.point.x == 1"#,
        r#"context.arguments has point && !(context.arguments.point has y)"#,
        r#"context.arguments has open && context.arguments.open == "{\"k\":[null,0.123456]}""#,
        r#"context.arguments has any && context.arguments.any == "5""#,
        r#"context.arguments has either && context.arguments.either == "\"x\"""#,
    ] {
        let answer = ask(&when(condition), arguments).unwrap();
        assert_eq!(answer.decision, Decision::Permit, "{condition}");
    }
    let empty = when("context.arguments has names && !context.arguments.names.contains(\"a\")");
    let answer = ask(&empty, r#"{"path":"/","names":[]}"#).unwrap();
    assert_eq!(answer.decision, Decision::Permit);
    for (part, shown) in [("0.5", "0.5000"), ("-0.0001", "-0.0001"), ("-3", "-3.0000")] {
        let condition =
            format!("context.arguments has part && context.arguments.part == decimal(\"{shown}\")");
        let answer = ask(
            &when(&condition),
            &format!(r#"{{"path":"/","part":{part}}}"#),
        )
        .unwrap();
        assert_eq!(answer.decision, Decision::Permit, "{part}");
    }
}

#[test]
fn an_argument_that_cedar_cannot_represent_denies() {
    for (argument, place, what) in [
        (r#""part":0.00001"#, "/part", "four places"),
        (r#""part":0.123456"#, "/part", "four places"),
        (r#""part":1e300"#, "/part", "four places"),
        (r#""part":18446744073709551615"#, "/part", "four places"),
        (r#""size":9223372036854775808"#, "/size", "64 bits"),
        (r#""size":1.5"#, "/size", "64 bits"),
        (
            r#""size":"1""#,
            "/size",
            "an integer is declared, and the value is a string",
        ),
        (r#""deep":1"#, "/deep", "a boolean is declared"),
        (r#""part":"1""#, "/part", "a number is declared"),
        (r#""names":"a""#, "/names", "a list is declared"),
        (r#""names":["a",null]"#, "/names/1", "no null"),
        (
            r#""names":["a",["b"]]"#,
            "/names/1",
            "a string is declared, and the value is a list",
        ),
        (r#""point":{"x":1,"y":null}"#, "/point/y", "no null"),
        (r#""point":{"x":1,"z":2}"#, "/point/z", "do not list it"),
        (r#""point":{"y":1}"#, "/point/x", "required"),
        (r#""point":[1]"#, "/point", "an object is declared"),
        (r#""other":1"#, "/other", "do not list it"),
    ] {
        let error = ask(ALL, &format!(r#"{{"path":"/",{argument}}}"#)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&format!("`{place}`")) && text.contains(what),
            "{text}"
        );
        assert_eq!(error.sets().len(), 1);
    }
    let missing = ask(ALL, "{}").unwrap_err().to_string();
    assert!(missing.contains("`/path`"), "{missing}");
}

#[test]
fn the_values_of_the_arguments_are_counted() {
    let names = |many: usize| {
        let names: Vec<_> = (0..many).map(|at| at.to_string()).collect();
        json!({ "path": "/", "names": names }).to_string()
    };
    // The path and the list are values too.
    assert!(ask(ALL, &names(MAX_POLICY_VALUES - 2)).is_ok());
    let error = ask(ALL, &names(MAX_POLICY_VALUES - 1)).unwrap_err();
    assert!(error.to_string().contains("4096 values"), "{error}");
}

#[test]
fn a_policy_that_gives_an_error_denies_though_a_permit_stands() {
    let overflow = "context.arguments has size && context.arguments.size * 2 > 0";
    let arguments = r#"{"path":"/","size":9223372036854775807}"#;
    for broken in [
        format!("{ALL} @id(\"f\") forbid(principal, action, resource) when {{ {overflow} }};"),
        format!("{ALL} @id(\"f\") permit(principal, action, resource) when {{ {overflow} }};"),
        format!("{ALL} @id(\"f\") @ask(\"a\") forbid(principal, action, resource) when {{ {overflow} }};"),
    ]
    .map(|text| text.replace("action, resource) when", "action == Action::\"fs.read\", resource) when"))
    {
        assert!(ask(&broken, r#"{"path":"/","size":-1}"#).is_ok());
        let error = ask(&broken, arguments).unwrap_err();
        assert!(error.to_string().contains("overflow"), "{error}");
        assert_eq!(error.sets()[0].policies, ["f"]);
    }
}

#[test]
fn a_call_that_the_declarations_do_not_know_denies() {
    let mut world = World::new();
    let policy = load(ALL).unwrap();
    world.context.effect = crate::guard::Effect::Write;
    let error = policy.judge(&world.question()).unwrap_err().to_string();
    assert!(error.contains("declared with the effect read"), "{error}");
    world.call = Call::parse("fs.write", "{}").unwrap();
    let error = policy.judge(&world.question()).unwrap_err().to_string();
    assert!(error.contains("`fs.write` is not among"), "{error}");
}

#[test]
fn a_spawn_is_known_without_a_declaration() {
    let mut world = World::new();
    world.context.effect = crate::guard::Effect::Spawn;
    let arguments = r#"{"role":"reader","key":"k","scope":{"grants":[]},"task":"t"}"#;
    world.call = Call::parse("agent.spawn", arguments).unwrap();
    for condition in [
        r#"context.arguments.scope == "{\"grants\":[]}""#,
        r#"context.arguments.role == "reader" && context.arguments.key == "k""#,
        r#"context.arguments has task && context.arguments.task == "t""#,
    ] {
        let policies = format!(
            "permit(principal, action == Action::\"agent.spawn\", resource) when {{ {condition} }};"
        );
        let answer = load(&policies).unwrap().judge(&world.question()).unwrap();
        assert_eq!(answer.decision, Decision::Permit, "{condition}");
    }
}

#[test]
fn a_forbid_with_the_annotation_asks_if_nothing_else_stands_against_the_call() {
    let asks = |why| format!("@ask(\"{why}\") forbid(principal, action, resource);");
    let ask = |why: &str| Decision::Ask(why.to_owned());
    assert_eq!(decision(&format!("{ALL} {}", asks("large"))), ask("large"));
    assert_eq!(
        decision(&format!("{ALL} {} {}", asks("one"), asks("two"))),
        ask("one; two")
    );
    assert_eq!(
        decision(&format!("{ALL} {}", asks(""))),
        ask("the policy `policy1` asks for an approval")
    );
    for denies in [
        asks("no permit"),
        format!("{ALL} {} forbid(principal, action, resource);", asks("a")),
        format!(
            "permit(principal == Agent::\"x\", action, resource); {}",
            asks("a")
        ),
    ] {
        assert!(matches!(decision(&denies), Decision::Deny(_)), "{denies}");
    }
}

#[test]
fn a_set_that_does_not_load_names_the_policy_and_its_line() {
    let unsafe_read = "context.arguments.size == 1";
    for (policies, place, what) in [
        (
            "permit(principal, action);",
            "policy `policy0` (line 1)",
            "",
        ),
        (
            "\n\n@id(\"a\")\npermit(principal, action, resource) when { };",
            "policy `policy0` (line 3)",
            "",
        ),
        (
            &format!("{ALL}\n@id(\"a\")\n{}", when("context.nothing == 1")),
            "policy `a` (line 2)",
            "nothing",
        ),
        (
            &when("context.arguments.path == 1"),
            "policy `policy0` (line 1)",
            "",
        ),
        (&when(unsafe_read), "policy `policy0` (line 1)", "size"),
        (
            &when("context has task && context.task > 1"),
            "policy `policy0` (line 1)",
            "",
        ),
        (
            "permit(principal, action == Action::\"fs.reed\", resource);",
            "policy `policy0` (line 1)",
            "fs.reed",
        ),
        (
            "permit(principal == ?principal, action, resource);",
            "policy `policy0` (line 1)",
            "template",
        ),
        (
            "@ask(\"a\") permit(principal, action, resource);",
            "policy `policy0` (line 1)",
            "`@ask`",
        ),
        (
            "@id(\"\") permit(principal, action, resource);",
            "policy `policy0` (line 1)",
            "1 to 128",
        ),
        (
            &format!("@id(\"policy1\")\n{ALL}\n{ALL}"),
            "policy `policy1` (line 3)",
            "`@id` of its own",
        ),
        (
            &format!("{ALL}\npermit(principal, action, resource)"),
            "line 2",
            "`;`",
        ),
    ] {
        let error = load(policies).unwrap_err().to_string();
        assert!(
            error.contains(place) && error.contains(what),
            "{policies}: {error}"
        );
    }
    for (long, ok) in [(128, true), (129, false)] {
        let id = "i".repeat(long);
        assert_eq!(load(&format!("@id(\"{id}\") {ALL}")).is_ok(), ok);
    }
}

#[test]
fn declarations_that_cannot_be_read_are_an_error() {
    let twice = {
        let mut tools = tools();
        let tool = tools["tools"][0].clone();
        tools["tools"].as_array_mut().unwrap().push(tool);
        tools.to_string()
    };
    let own = tools().to_string().replace("fs.read", "agent.spawn");
    for (tools, what) in [
        ("", "cannot be read"),
        ("[]", "cannot be read"),
        (r#"{"version":2,"tools":[]}"#, "version 2"),
        (r#"{"version":1,"version":1,"tools":[]}"#, "version"),
        (&twice, "`fs.read` is declared twice"),
        (&own, "`agent.spawn` is declared twice"),
        (
            &tools()
                .to_string()
                .replace("\"effect\":\"read\"", "\"effect\":\"see\""),
            "see",
        ),
    ] {
        for error in [
            CedarPolicy::load(ALL, tools).unwrap_err(),
            cedar_schema(tools).unwrap_err(),
        ] {
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}

#[test]
fn the_schema_is_written_for_other_tools_of_cedar() {
    let text = cedar_schema(&tools().to_string()).unwrap();
    let (read, _) = Schema::from_cedarschema_str(&text).unwrap();
    let actions: BTreeSet<_> = read.actions().map(ToString::to_string).collect();
    for action in [
        r#"Action::"fs.read""#,
        r#"Action::"agent.spawn""#,
        r#"Effect::Action::"read""#,
    ] {
        assert!(actions.contains(action), "{actions:?}");
    }
}

/// What is nested too deep is refused before it is parsed: the parser would end the process.
#[test]
fn a_text_that_would_exhaust_the_stack_is_refused_before_it_is_parsed() {
    let deep = 20_000;
    for condition in [
        format!("{}true{}", "(".repeat(deep), ")".repeat(deep)),
        format!("{}1{} == 1", "[".repeat(deep), "]".repeat(deep)),
        format!("{}true", "!".repeat(deep)),
        format!("{}true", "true && ".repeat(deep)),
        format!("{}true", "if true then true else ".repeat(deep)),
        format!("context{}", ".agent".repeat(deep)),
        format!("context{}", "[\"agent\"]".repeat(deep)),
    ] {
        let error = load(&when(&condition)).unwrap_err();
        assert!(matches!(error, CedarError::TooMuch { .. }), "{error}");
    }
    let clauses = format!(
        "permit(principal, action, resource){};",
        " when { true }".repeat(deep)
    );
    assert!(matches!(load(&clauses), Err(CedarError::TooMuch { .. })));
}

/// What the bounds allow is parsed, and evaluated on the stack of an ordinary thread.
#[test]
fn the_deepest_policies_that_are_allowed_load_and_decide() {
    // The head of the policy and the condition have two brackets and one `when`.
    let operators = MAX_POLICY_OPERATORS - 8;
    for condition in [
        format!(
            "{}true{}",
            "(".repeat(MAX_POLICY_DEPTH - 1),
            ")".repeat(MAX_POLICY_DEPTH - 1)
        ),
        format!("{}true", "true && ".repeat(operators / 2)),
        format!("{}true", "false || ".repeat(operators / 2)),
        format!("{}1 > 0", "1 + ".repeat(operators)),
        format!("{}true", "if true then true else ".repeat(operators / 2)),
        format!("{}true", "!!!!(".repeat(25)) + &")".repeat(25),
    ] {
        let decided = std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || decision(&when(&condition)))
            .unwrap()
            .join()
            .unwrap();
        assert!(matches!(decided, Decision::Permit), "{decided:?}");
    }
}
