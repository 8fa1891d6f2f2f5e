//! Writes the inputs that fuzzing starts from: `cargo run --example seeds`.
//!
//! Honest tokens and blocks of every shape, and texts on the edges of what is accepted: the same in
//! every run.

use std::fs;
use std::path::Path;

use bailiwick::capability::to_text;
use bailiwick_fuzz::block_kind::{BlockKind, honest, keys, root};
use bailiwick_fuzz::hostile::{PATTERNS, holds, with};
use bailiwick_fuzz::program::Program;
use bailiwick_integration_tests::forge;
use bailiwick_integration_tests::random::Rng;
use biscuit_auth::format::schema::Block;
use prost::Message as _;

const SCOPES: [&str; 9] = [
    r#"{"grants":"inherit"}"#,
    r#"{"grants":[],"expires_in":"1h30m"}"#,
    r#"{"grants":[{"tool":"fs.read","args":{"path":{"path_under":["/srv","/"]},"a":"any","b":"absent"}}],"expires_at":"2027-01-15T09:00:00Z","not_before":"2027-01-15T07:00:00Z"}"#,
    r#"{"grants":[{"tool":"pay","args":{"n":{"range":{"min":-1.5,"max":{"$decimal":"98.7"}}},"to":{"one_of":["a",1,true,{"$sha256":"0707070707070707070707070707070707070707070707070707070707070707"}]}},"approved_by":["APPROVER"]}],"budget":{"calls":3},"max_depth":2}"#,
    r#"{"grants":[{"tool":"web.get","args":{"u":{"url":{"schemes":"https","hosts":["a.org",".b.org"],"ports":[443,8080],"paths":"/v1"}},"h":{"host":".b.org"},"i":{"cidr":["10.0.0.0/8","2001:db8::/32"]}}}],"audience":["x"],"task":"t","step":"s","dataset":["d"],"taint":[],"max_risk":"high","max_sensitivity":"internal"}"#,
    r#"{"grants":[{"tool":"a","args":{"x":{"eq":"v"},"y":{"prefix":["p"]},"z":{"matches":"[a-z]+|b"},"s":{"subset_of":["k",2]}}},{"tool":"agent.spawn","args":{"role":"any"}}],"approvals":[{"tools":["a"],"need":1,"of":["APPROVER"]}]}"#,
    "grants = [{ tool = \"fs.read\", args = { path = { path_under = \"/srv\" } } }]\nexpires_in = \"10m\"\nmax_risk = \"low\"\n",
    "expires_at = 2027-01-15T09:00:00Z\n[[grants]]\ntool = \"pay\"\n[grants.args]\nn = { range = { max = 98.7 } }\n[budget]\ncalls = 3\n",
    "{\"grants\":[{\"tool\":\"a\",\"args\":{\"p\":{\"path_under\":\"/a\"}}},{\"tool\":\"agent.spawn\"}]}\0{\"grants\":[{\"tool\":\"a\",\"args\":{\"p\":{\"path_under\":\"/a/b\"}}}]}",
];

const ARGUMENTS: [&str; 8] = [
    r#"{"path":"/srv/a","n":12.5,"deep":[[[{"x":null}]]],"t":true}"#,
    r#"{"a":9007199254740993,"b":-9223372036854775808,"c":18446744073709551615,"d":-0,"e":1e-7}"#,
    r#"{"a":1E400}"#,
    r#"{"a":1e20,"b":123456789012345678901234567890}"#,
    "{\"\\ud83d\\ude00\":\"\\u0000\\u001f\\\"\\\\/\\b\\f\\n\\r\\t\u{7f}\u{2028}é\u{fb33}\"}",
    r#"{"a":1,"a":2}"#,
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    "-9223372036854.775808",
];

const TEXTS: [&str; 18] = [
    "/srv\n/srv/a",
    "/srv/\n/srv/../etc",
    "/\n/a/%2e%2e/b",
    "/a\n/a/%252e/b",
    "a.org\nhttps://a.org/v1/x?q=1",
    ".b.org\nx.b.org",
    ".b.org\nhttp://x.b.org:8080/",
    "10.0.0.0/8\n10.255.0.1",
    "2001:db8::/32\n2001:db8::1",
    "::/0\n::ffff:1.2.3.4",
    "[::1]\nhttps://[::1]:8443/a;b=c/",
    "xn--mnchen-3ya.de\nxn--mnchen-3ya.de",
    "0x7f.1\nhttp://0x7f.1/",
    "1.2.3.4\n01.2.3.4",
    "a\nhttp://u:p@a.org/",
    "a\nhttps://a.org/..;/x",
    "b.org\nhttps://b.org/a/%2F/b?x='#y",
    "\nA.org.",
];

/// Two scopes whose delegation compares much, for the target `work`.
const COMPARED: &str = r#"{"grants":[{"tool":"a","args":{"p":{"one_of":["a","b"]},"q":{"matches":["[ab]{9}"]}}},{"tool":"agent.spawn"}]}\0{"grants":[{"tool":"a","args":{"p":{"one_of":["a","c"]},"q":{"eq":"ab"}}}]}"#;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let write = |target: &str, name: String, bytes: &[u8]| {
        let dir = corpus.join(target);
        fs::create_dir_all(&dir)?;
        fs::write(dir.join(name), bytes)
    };
    for (index, (place, block)) in honest().iter().enumerate() {
        let bytes = block.encode_to_vec();
        let (blocks, holder) = place.signed(bytes.clone());
        let mut token = forge::token(&blocks);
        if *place == BlockKind::Call {
            forge::seal(&mut token, &holder);
        }
        let token = forge::bytes(&token);
        let name = format!("{index:02}-{place:?}").to_lowercase();
        let text = to_text(&token);
        // A few are enough: what is inside a block is the matter of another target.
        if !matches!(place, BlockKind::Authority | BlockKind::Hop) || index < 2 {
            write("chain_decode", name.clone(), &token)?;
            write("chain_decode", format!("{name}-text"), text.as_bytes())?;
        }
        let number = match place {
            BlockKind::Authority => 0,
            BlockKind::Hop => 1,
            BlockKind::Approval => 2,
            BlockKind::Call => 3,
        };
        let mut seed = vec![number];
        seed.extend(bytes);
        write("block_compile", name, &seed)?;
    }
    let [.., approver] = keys();
    let approver = forge::agent(&approver).public().to_string();
    let key = root().1.public().to_string();
    write("chain_decode", "key".to_owned(), key.as_bytes())?;
    // A program of each length: what it builds follows from its bytes.
    for (index, length) in [8_u8, 16, 32, 64, 128].into_iter().enumerate() {
        let program: Vec<u8> = (0..length)
            .map(|n| n.wrapping_mul(37).wrapping_add(length))
            .collect();
        write("signed_mutator", format!("{index}"), &program)?;
        let token = [&[0], program.as_slice()].concat();
        write("work", format!("token-{index}"), &token)?;
        let mut seed = vec![4 + index as u8];
        seed.extend(program);
        write("block_compile", format!("program-{index}"), &seed)?;
    }
    for (target, texts) in [
        ("scope_parse", &SCOPES[..]),
        ("arguments", &ARGUMENTS),
        ("url_and_path", &TEXTS),
    ] {
        for (index, text) in texts.iter().enumerate() {
            let text = text.replace("APPROVER", &approver);
            write(target, format!("{index:02}"), text.as_bytes())?;
        }
    }
    hostile(&write)
}

/// Patterns that cost much, wherever a pattern is read.
fn hostile(write: &impl Fn(&str, String, &[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
    let compared = COMPARED.replace("\\0", "\0");
    write(
        "work",
        "scopes".to_owned(),
        format!("\u{1}{compared}").as_bytes(),
    )?;
    for (index, pattern) in PATTERNS.iter().enumerate() {
        let name = format!("pattern-{index:02}");
        write(
            "work",
            name.clone(),
            format!("\u{2}{pattern}\0abababab").as_bytes(),
        )?;
        let scope = serde_json::json!({"grants": [
            {"tool": "a", "args": {"p": {"matches": [pattern, "b"]}}},
            {"tool": "agent.spawn"},
        ]});
        let child =
            serde_json::json!({"grants": [{"tool": "a", "args": {"p": {"matches": pattern}}}]});
        write(
            "scope_parse",
            name.clone(),
            format!("{scope}\0{child}").as_bytes(),
        )?;
        // In the first block and in a hop.
        for (place, block) in honest() {
            let number = match place {
                BlockKind::Authority => 0,
                BlockKind::Hop => 1,
                BlockKind::Approval | BlockKind::Call => continue,
            };
            let Some(block) = with(block, pattern) else {
                continue;
            };
            let name = format!("{name}-{number}");
            let bytes = block.encode_to_vec();
            let (blocks, _) = place.signed(bytes.clone());
            write(
                "chain_decode",
                name.clone(),
                &forge::bytes(&forge::token(&blocks)),
            )?;
            write(
                "block_compile",
                name,
                &[&[number], bytes.as_slice()].concat(),
            )?;
        }
    }
    // Programs, the first of which that come to such a pattern.
    let mut found = 0;
    for number in 0_u32..100_000 {
        let bytes: Vec<u8> = (0..160_u32)
            .map(|at| {
                (number * 2_654_435 + at * 40_503)
                    .wrapping_mul(2_246_822_519)
                    .to_be_bytes()[0]
            })
            .collect();
        let program = Program::run(&mut Rng::given(bytes.clone()));
        let signed = program.map(|program| program.signed).unwrap_or_default();
        if signed
            .iter()
            .any(|signed| Block::decode(&*signed.block).is_ok_and(|block| holds(&block)))
        {
            write("signed_mutator", format!("pattern-{found}"), &bytes)?;
            found += 1;
        }
        if found == 8 {
            break;
        }
    }
    Ok(())
}
