//! The commands that make and read tokens, as a person runs them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's own plumbing"
)]

mod bin;

use std::fs;
use std::path::PathBuf;

use bailiwick::capability::{AgentKey, Call, Facts, KeyRing, PublicKey, from_text, to_text};
use bin::{Ran, bailiwick};
use serde_json::Value;
use tempfile::TempDir;

const NOW: &str = "2026-03-01T12:00:00Z";
const ROOT_SCOPE: &str = r#"{"grants":[
    {"tool":"fs.read","args":{"path":{"path_under":"/srv"},"n":"any"}},
    {"tool":"agent.spawn","args":{"role":"any"}}
],"expires_in":"1h","audience":"files","budget":{"calls":3}}"#;
const CHILD_SCOPE: &str =
    r#"{"grants":[{"tool":"fs.read","args":{"path":{"path_under":"/srv/docs"}}}]}"#;

/// A directory with a root, a lead's token and a reader's.
struct Workdir {
    directory: TempDir,
    root: String,
}

impl Workdir {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut place = Self {
            directory,
            root: String::new(),
        };
        let ran = place.run("keygen --out root.pem");
        assert_eq!(ran.code, 0);
        place.root = ran.out.trim_end().to_owned();
        place.write("root.json", ROOT_SCOPE);
        place.write("child.json", CHILD_SCOPE);
        let ran = place.run(&format!("mint --root root.pem --scope root.json --new-key lead.pem --principal alice --intent papers --key-id 7 --ends 8h --now {NOW}"));
        assert_eq!((ran.code, ran.out.lines().count()), (0, 1), "{}", ran.err);
        place.write("lead.token", &ran.out);
        let ran = place.run(&format!("attenuate lead.token --root ROOT --key lead.pem --role reader --scope child.json --new-key reader.pem --now {NOW}"));
        assert_eq!((ran.code, ran.out.lines().count()), (0, 1), "{}", ran.err);
        place.write("reader.token", &ran.out);
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// Runs a line in which names with a dot are files of the place and ROOT is its root.
    fn run(&self, line: &str) -> Ran {
        self.run_with(line, "")
    }

    fn run_with(&self, line: &str, input: &str) -> Ran {
        let word = |word: &str| match word {
            "ROOT" => self.root.clone(),
            _ if [".pem", ".json", ".toml", ".token", ".txt"]
                .iter()
                .any(|end| word.ends_with(end)) =>
            {
                self.file(word).to_str().unwrap().to_owned()
            }
            _ => word.to_owned(),
        };
        let words: Vec<String> = line.split_whitespace().map(word).collect();
        bailiwick(&words, input)
    }

    fn json(&self, line: &str, code: i32) -> Value {
        let ran = self.run(&format!("--json {line}"));
        assert_eq!(ran.code, code, "{} {}", ran.out, ran.err);
        let object: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(object["version"], 1);
        assert_eq!(object["command"], line.split(' ').next().unwrap());
        assert_eq!(ran.out.lines().count(), 1);
        object
    }
}

#[test]
fn keygen_writes_a_key_for_its_owner_alone_and_never_over_a_file() {
    let place = Workdir::new();
    assert!(place.root.parse::<PublicKey>().is_ok());
    let pem = place.read("root.pem");
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert_eq!(
        AgentKey::from_pem(&pem).unwrap().public().to_string(),
        place.root
    );
    #[cfg(unix)]
    for name in ["root.pem", "lead.pem"] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(place.file(name)).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let again = place.run("keygen --out root.pem");
    assert_eq!((again.code, again.out.as_str()), (2, ""));
    assert!(again.err.contains("never overwritten"), "{}", again.err);
    assert_eq!(place.read("root.pem"), pem);

    let piped = place.run("keygen");
    let key = AgentKey::from_pem(&piped.out).unwrap();
    assert_eq!(piped.err.trim_end(), key.public().to_string());
    assert_eq!(place.run("--json keygen").code, 2);
    let object = place.json("keygen --out other.pem", 0);
    assert_eq!(
        object["public_key"],
        AgentKey::from_pem(&place.read("other.pem"))
            .unwrap()
            .public()
            .to_string()
    );
}

#[test]
fn a_new_key_is_never_written_over_a_file_and_no_token_is_printed_then() {
    let place = Workdir::new();
    let before = place.read("lead.pem");
    let ran = place.run("mint --root root.pem --scope root.json --new-key lead.pem");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(place.read("lead.pem"), before);
    // Nor is a key left behind where no token is made.
    place.write("bad.json", r#"{"grants":"inherit"}"#);
    assert_eq!(
        place
            .run("mint --root root.pem --scope bad.json --new-key fresh.pem")
            .code,
        2
    );
    assert!(!place.file("fresh.pem").exists());
}

#[test]
fn mint_takes_json_toml_and_standard_input() {
    let place = Workdir::new();
    let to = AgentKey::generate().public();
    place.write("scope.toml", "expires_in = \"5m\"\n[[grants]]\ntool = \"fs.read\"\nargs = { path = { path_under = \"/srv\" } }\n");
    place.write("scope.txt", ROOT_SCOPE);
    let object = place.json(
        &format!("mint --root root.pem --scope scope.toml --to {to} --now {NOW}"),
        0,
    );
    assert_eq!(object["holder"], to.to_string());
    assert_eq!(object["root"], place.root);
    assert_eq!(object["expires"], "2026-03-01T12:05:00Z");
    let ran = place.run_with(
        &format!("mint --root root.pem --scope - --to {to}"),
        ROOT_SCOPE,
    );
    assert_eq!(ran.code, 0);
    assert!(from_text(ran.out.trim_end()).is_ok());
    assert_eq!(
        place
            .run(&format!("mint --root root.pem --scope scope.txt --to {to}"))
            .code,
        2
    );
    assert_eq!(
        place
            .run(&format!("mint --root root.pem --scope none.json --to {to}"))
            .code,
        2
    );
    assert_eq!(
        place
            .run(&format!(
                "mint --root root.json --scope root.json --to {to}"
            ))
            .code,
        2
    );
    assert_eq!(place.run("mint --root root.pem --scope root.json").code, 2);
    assert_eq!(
        place
            .run(&format!(
                "mint --root root.pem --scope root.json --to {to} --new-key x.pem"
            ))
            .code,
        2
    );
    assert_eq!(
        place
            .run(&format!(
                "mint --root root.pem --scope root.json --to {to} --ends soon"
            ))
            .code,
        2
    );
    assert_eq!(
        place
            .run(&format!(
                "mint --root root.pem --scope root.json --to {}",
                place.root
            ))
            .code,
        2
    );
    let error = place.json(
        &format!("mint --root root.pem --scope none.json --to {to}"),
        2,
    );
    assert!(error["error"].as_str().unwrap().contains("none.json"));
}

#[test]
fn a_misspelt_scope_names_its_place() {
    let place = Workdir::new();
    let to = AgentKey::generate().public();
    for (scope, what) in [
        (
            r#"{"grants":[{"tool":"a","args":{"x":{"path_undr":"/a"}}}]}"#,
            "grants[0].args.x: unknown constraint `path_undr`, did you mean `path_under`?",
        ),
        (r#"{"grants":[],"expires_in":"10 m"}"#, "expires_in"),
        (r#"{"expires_in":"10m"}"#, "`grants` is missing"),
        (r#"{"grants":[],"grants":[]}"#, "grants"),
    ] {
        let ran = place.run_with(&format!("mint --root root.pem --scope - --to {to}"), scope);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(what), "{scope}: {}", ran.err);
    }
}

#[test]
fn a_refused_delegation_lists_each_way_it_is_wider() {
    let place = Workdir::new();
    place.write("wide.json", r#"{"grants":[{"tool":"fs.read","args":{"path":{"path_under":"/"}}},{"tool":"pay"}],"expires_in":"2h","audience":["files","web"]}"#);
    let line = format!(
        "attenuate lead.token --root ROOT --key lead.pem --role r --scope wide.json --new-key wide.pem --now {NOW}"
    );
    let ran = place.run(&line);
    assert_eq!(ran.code, 3);
    for what in [
        "grants[0].args.path",
        "grants[1].tool",
        "expires_at",
        "audience",
    ] {
        assert!(ran.out.contains(what), "{what}: {}", ran.out);
    }
    assert!(!place.file("wide.pem").exists());
    let object = place.json(&line, 3);
    assert_eq!(
        (
            object["kind"].as_str(),
            object["ways"].as_array().map(Vec::len)
        ),
        (Some("widens"), Some(4))
    );

    // Where no hop may follow, what else is wider is listed as well.
    let line = format!(
        "attenuate reader.token --root ROOT --key reader.pem --role r --scope wide.json --new-key wide.pem --now {NOW}"
    );
    let ran = place.run(&line);
    assert_eq!(ran.code, 3);
    for what in ["max_depth", "grants[0].args.path", "expires_at", "audience"] {
        assert!(ran.out.contains(what), "{what}: {}", ran.out);
    }

    // The reader holds no `agent.spawn`; the lead's key does not hold the reader's token.
    let line =
        "attenuate reader.token --root ROOT --role r --scope child.json --new-key wide.pem --now";
    assert_eq!(place.run(&format!("{line} {NOW} --key reader.pem")).code, 3);
    assert!(
        place
            .run(&format!("{line} {NOW} --key lead.pem"))
            .out
            .starts_with("deny: not_holder")
    );
    assert_eq!(place.run(&format!("{line} {NOW} --key none.pem")).code, 2);
    let ran = place.run(&format!("attenuate lead.token --root ROOT --key lead.pem --role Bad/Role --scope child.json --new-key wide.pem --now {NOW}"));
    assert_eq!(ran.code, 2);
}

#[test]
fn inspect_shows_each_hop_and_what_they_allow_together() {
    let place = Workdir::new();
    let ran = place.run("inspect reader.token --root ROOT --datalog --disclose");
    assert_eq!(ran.code, 0, "{}", ran.err);
    for what in [
        "chain valid, possession not checked",
        "principal  alice",
        "key id 7",
        "hop 0  (root)",
        "hop 1  reader",
        "fs.read where path is under /srv/docs",
        "| check if tool(\"fs.read\")",
        "all hops together",
        "a server that is called with this token sees",
        "what for: papers",
    ] {
        assert!(ran.out.contains(what), "{what}: {}", ran.out);
    }
    let plain = place.run("inspect reader.token --root ROOT").out;
    assert!(!plain.contains("check if") && !plain.contains("a server"));

    let object = place.json(
        "inspect reader.token --root ROOT --datalog --disclose --key reader.pem",
        0,
    );
    assert_eq!(object["possession"], "held");
    assert_eq!(object["ends"], "2026-03-01T20:00:00Z");
    assert_eq!(object["hops"][1]["role"], "reader");
    assert_eq!(object["hops"][1]["id"].as_str().unwrap().len(), 128);
    assert_eq!(object["effective"]["grants"].as_array().unwrap().len(), 1);
    assert!(object["disclosed"].as_array().unwrap().len() > 8);
    assert_eq!(
        place
            .run("inspect reader.token --root ROOT --key lead.pem")
            .code,
        3
    );
}

#[test]
fn a_token_is_read_from_a_file_standard_input_or_its_text() {
    let place = Workdir::new();
    let text = place.read("reader.token");
    assert_eq!(place.run_with("inspect - --root ROOT", &text).code, 0);
    assert_eq!(
        place
            .run_with("inspect - --root ROOT", &text.replace('\n', "\r\n"))
            .code,
        0
    );
    assert_eq!(
        place
            .run(&format!("inspect {} --root ROOT", text.trim_end()))
            .code,
        0
    );
    for wrong in [
        format!(" {text}"),
        format!("{}=", text.trim_end()),
        format!("{text}\n"),
        text.replace('A', "+"),
        String::new(),
    ] {
        let ran = place.run_with("inspect - --root ROOT", &wrong);
        assert_eq!(ran.code, 3, "{wrong}");
        assert!(ran.out.starts_with("deny: malformed"), "{}", ran.out);
    }
    assert_eq!(place.run("inspect none.token --root ROOT").code, 2);
    assert_eq!(place.run("inspect reader.token").code, 2);
    let other = AgentKey::generate().public();
    assert!(
        place
            .run(&format!("inspect reader.token --root {other}"))
            .out
            .starts_with("deny: untrusted_root")
    );
    assert_eq!(
        place
            .run(&format!("inspect reader.token --root {other},ROOT"))
            .code,
        2
    );
    let both = format!("{other},{}", place.root);
    assert_eq!(
        place
            .run(&format!("inspect reader.token --root {both}"))
            .code,
        0
    );
}

#[test]
fn a_changed_bit_is_a_denial() {
    let place = Workdir::new();
    let bytes = from_text(place.read("reader.token").trim_end()).unwrap();
    for index in (0..bytes.len()).step_by(97) {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        let ran = place.run(&format!(
            "verify {} --root ROOT --tool fs.read",
            to_text(&changed)
        ));
        assert_eq!(ran.code, 3, "byte {index}");
    }
}

#[test]
fn verify_says_why_not() {
    let place = Workdir::new();
    let base =
        format!("verify reader.token --root ROOT --now {NOW} --audience files --used calls=3");
    for (rest, code, what) in [
        ("--tool fs.read --arg path=/srv/docs/a", 0, "allow"),
        (
            "--tool fs.read --args {\"path\":\"/srv/docs/a\"}",
            0,
            "allow",
        ),
        ("--tool fs.read --arg path=\"/srv/docs/a\"", 0, "allow"),
        ("--tool fs.read --arg path=/srv/x", 3, "argument at hop 1"),
        ("--tool fs.read --arg path=/etc", 3, "argument at hop 0"),
        ("--tool fs.read --arg path=1", 3, "argument at hop 0"),
        (
            "--tool fs.read --arg path=/srv/docs --arg path=/srv/docs",
            3,
            "deny: argument: ",
        ),
        (
            "--tool fs.read --args {\"path\":1,\"path\":2}",
            3,
            "deny: argument: ",
        ),
        (
            "--tool fs.read --arg path={\"a\":1,\"a\":1}",
            3,
            "deny: argument: ",
        ),
        ("--tool fs.read --args []", 3, "deny: argument: "),
        ("--tool fs.write", 3, "tool at hop 0"),
        ("--tool fs.read --arg path", 2, ""),
        ("--tool fs.read --arg a=1 --args {}", 2, ""),
        ("--tool fs.read --risk hihg", 2, ""),
        ("", 2, ""),
    ] {
        let ran = place.run(&format!("{base} {rest}"));
        assert_eq!(ran.code, code, "{rest}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(what), "{rest}: {}", ran.out);
        assert_eq!(
            ran.out.contains("possession not checked"),
            code != 2,
            "{rest}: {}",
            ran.out
        );
    }
    let call = "verify reader.token --root ROOT --tool fs.read --arg path=/srv/docs/a";
    assert!(
        place
            .run(&format!("{call} --now {NOW} --used calls=1"))
            .out
            .contains("audience at hop 0")
    );
    assert!(
        place
            .run(&format!("{call} --now {NOW} --audience files"))
            .out
            .contains("budget at hop 0")
    );
    assert!(
        place
            .run(&format!(
                "{call} --now {NOW} --audience files --used calls=4"
            ))
            .out
            .contains("budget at hop 0")
    );
    assert!(
        place
            .run(&format!(
                "{call} --now {NOW} --audience files --used calls/x=1"
            ))
            .out
            .contains("budget at hop 0")
    );
    assert!(
        place
            .run(&format!(
                "{call} --now 2026-03-01T13:00:00Z --audience files --used calls=1"
            ))
            .out
            .contains("expired at hop 0")
    );
    let object = place.json(
        &format!("{call} --now {NOW} --audience web --used calls=1 --key reader.pem"),
        3,
    );
    assert_eq!(
        (
            object["kind"].as_str(),
            object["hop"].as_u64(),
            object["possession"].as_str()
        ),
        (Some("audience"), Some(0), Some("held"))
    );
    let object = place.json(&format!("{call} --now {NOW} --key lead.pem"), 3);
    assert_eq!(object["kind"], "not_holder");
}

#[test]
fn facts_are_what_a_stock_library_is_given() {
    let place = Workdir::new();
    let line = format!(
        "verify reader.token --root ROOT --now {NOW} --audience files --used calls=1 --tool fs.read --arg path=/srv/docs/a --dataset= --taint=web,mail --risk low --facts"
    );
    let ran = place.run(&line);
    assert_eq!(ran.code, 0, "{}", ran.out);
    for fact in [
        "tool(\"fs.read\");",
        "arg_names({\"path\"});",
        "arg_path(\"path\", \"/srv/docs/a/\");",
        "time(2026-03-01T12:00:00Z);",
        "dataset({,});",
        "taint({\"mail\", \"web\"});",
        "risk(0);",
        "depth(1);",
        "allow if tool($t), grants($g), $g.contains($t);",
    ] {
        assert!(
            ran.out.lines().any(|line| line == fact),
            "{fact}: {}",
            ran.out
        );
    }
    assert!(!ran.out.contains("sensitivity(") && !ran.out.contains("call("));
    let object = place.json(&line, 0);
    assert!(
        object["facts"]
            .as_array()
            .unwrap()
            .contains(&"depth(1)".into())
    );
    assert!(
        place
            .run(&format!("{line} --nonce {}", "0".repeat(32)))
            .out
            .contains("nonce(hex:00000000000000000000000000000000);")
    );
    assert_eq!(place.run(&format!("{line} --nonce 12")).code, 2);
}

#[test]
fn a_wire_call_is_good_for_its_call_alone() {
    let place = Workdir::new();
    let ring = KeyRing::new([place.root.parse::<PublicKey>().unwrap()]);
    let chain = ring
        .chain(&from_text(place.read("reader.token").trim_end()).unwrap())
        .unwrap();
    let held = chain
        .held_by(AgentKey::from_pem(&place.read("reader.pem")).unwrap())
        .unwrap();
    let call = Call::parse("fs.read", r#"{"path":"/srv/docs/a"}"#).unwrap();
    let mut facts = Facts::at(NOW.parse().unwrap());
    facts.audience = Some("files".to_owned());
    let wire = held
        .wire_call(&call, &facts, std::time::Duration::from_secs(30))
        .unwrap();
    place.write("call.token", &to_text(&wire));

    let base = format!("verify call.token --root ROOT --now {NOW} --audience files --used calls=1");
    let ran = place.run(&format!(
        "{base} --tool fs.read --arg path=/srv/docs/a --facts"
    ));
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(
        ran.out.contains("call valid, signed by its holder") && ran.out.contains("call(hex:"),
        "{}",
        ran.out
    );
    let other = place.run(&format!("{base} --tool fs.read --arg path=/srv/docs/b"));
    assert_eq!(other.code, 3);
    assert!(other.out.contains("argument at hop 2"), "{}", other.out);
    let late = place.run(
        &base
            .replace("12:00:00", "12:00:30")
            .replace("verify", "verify --tool fs.read --arg path=/srv/docs/a"),
    );
    assert!(late.out.contains("expired at hop 2"), "{}", late.out);
    assert!(
        place
            .run("inspect call.token --root ROOT")
            .out
            .contains("call       nonce ")
    );
    assert_eq!(place.run("attenuate call.token --root ROOT --key reader.pem --role r --scope child.json --new-key n.pem").code, 3);
}

#[test]
fn nothing_in_a_token_or_an_argument_moves_the_terminal() {
    let place = Workdir::new();
    let evil = "x\u{1b}[2J\u{202e}\u{9b}31m\u{200f}\u{2066}\u{feff}\u{7f}y";
    let to = AgentKey::generate().public().to_string();
    let root = place.file("root.pem").to_str().unwrap().to_owned();
    let scope = serde_json::json!({"grants": [{"tool": "t", "args": {"a": {"eq": evil}}}], "audience": evil}).to_string();
    let minted = bailiwick(
        &[
            "mint",
            "--root",
            &root,
            "--scope",
            "-",
            "--to",
            &to,
            "--principal",
            evil,
            "--intent",
            evil,
        ],
        &scope,
    );
    assert_eq!(minted.code, 0, "{}", minted.err);
    let token = minted.out.trim_end();
    let runs: Vec<Vec<&str>> = vec![
        vec![
            "inspect",
            token,
            "--root",
            &place.root,
            "--datalog",
            "--disclose",
        ],
        vec![
            "verify",
            token,
            "--root",
            &place.root,
            "--tool",
            "t",
            "--arg",
            "a=b",
            "--facts",
        ],
        vec![
            "verify",
            token,
            "--root",
            &place.root,
            "--tool",
            evil,
            "--arg",
            evil,
        ],
        vec![
            "verify",
            token,
            "--root",
            &place.root,
            "--tool",
            evil,
            "--audience",
            evil,
            "--facts",
        ],
        vec!["verify", token, "--root", evil, "--tool", "t"],
        vec!["inspect", evil, "--root", &place.root],
        vec!["mint", "--root", evil, "--scope", evil, "--to", &to],
        vec!["simulate", evil],
        vec![evil],
        vec!["keygen", evil],
    ];
    for args in runs {
        for json in [&[][..], &["--json"]] {
            let ran = bailiwick(&[json, &args].concat(), "");
            for letter in (ran.out.clone() + &ran.err).chars() {
                let bad = (letter.is_control() && letter != '\n')
                    || "\u{202e}\u{200f}\u{2066}\u{feff}".contains(letter);
                assert!(!bad, "{args:?} printed {letter:?}");
            }
        }
    }
}

#[test]
fn help_and_bad_usage_have_their_exit_codes() {
    for (args, code) in [
        (&["--help"][..], 0),
        (&["simulate", "--help"], 0),
        (&["--version"], 0),
        (&[], 2),
        (&["fly"], 2),
        (&["mint", "--secret", "x"], 2),
    ] {
        assert_eq!(bailiwick(args, "").code, code, "{args:?}");
    }
}

#[test]
fn a_closed_pipe_is_no_panic() {
    use std::process::{Command, Stdio};
    let place = Workdir::new();
    let token = place.file("reader.token");
    for (args, code) in [
        (
            vec!["inspect", token.to_str().unwrap(), "--root", &place.root],
            0,
        ),
        (
            vec![
                "verify",
                token.to_str().unwrap(),
                "--root",
                &place.root,
                "--tool",
                "z",
            ],
            3,
        ),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
            .args(args)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(code));
        assert!(run.stderr.is_empty());
    }
}
