//! `--model`: the examples on a server that speaks as OpenAI does.

mod common;

use common::run;

const PROGRAM: &str = env!("CARGO_BIN_EXE_budget");

#[cfg(not(feature = "providers"))]
#[test]
fn a_build_without_providers_says_how_to_build_it() {
    for program in [
        PROGRAM,
        env!("CARGO_BIN_EXE_quickstart"),
        env!("CARGO_BIN_EXE_research_team"),
        env!("CARGO_BIN_EXE_code_review"),
    ] {
        let ran = run(program, &["--model", "openai:any"], &[]);
        assert_eq!(ran.code, Some(1), "{}", ran.text);
        assert!(
            ran.errors.contains("--features providers"),
            "{}",
            ran.errors
        );
        assert!(ran.text.is_empty(), "{}", ran.text);
    }
}

#[test]
fn what_is_not_understood_is_no_run_and_help_is() {
    let ran = run(PROGRAM, &["--modle", "x"], &[]);
    assert_eq!((ran.code, ran.text.as_str()), (Some(2), ""));
    let ran = run(PROGRAM, &["--help"], &[]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.text.contains("--base-url"), "{}", ran.text);
}

#[cfg(feature = "providers")]
mod served {
    #![expect(
        clippy::unwrap_used,
        reason = "the functions that tests share are test code too"
    )]

    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};

    use super::common::tree;
    use super::*;

    /// What a client sent: its headers, and its body.
    type Asked = Arc<Mutex<Vec<(String, String)>>>;

    /// Asks for the file once in each conversation, and then answers.
    fn serve() -> (String, Asked) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Asked::default();
        let seen = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &seen);
            }
        });
        (url, asked)
    }

    fn answer(mut stream: TcpStream, seen: &Asked) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut headers, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() <= 2 {
                break;
            }
            let line = line.to_lowercase();
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().unwrap();
            }
            headers.push_str(&line);
        }
        let mut body = String::new();
        reader.take(length).read_to_string(&mut body).unwrap();
        let (delta, end) = match body.contains("\"role\":\"tool\"") {
            true => (r#"{"content":"all the same"}"#, "stop"),
            false => (
                r#"{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"fs_read","arguments":"{\"path\":\"/docs/release-notes.md\"}"}}]}"#,
                "tool_calls",
            ),
        };
        seen.lock().unwrap().push((headers, body));
        let chunks = [
            format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#),
            format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{end}"}}]}}"#),
            r#"{"choices":[],"usage":{"prompt_tokens":500,"completion_tokens":20}}"#.to_owned(),
            "[DONE]".to_owned(),
        ];
        let chunks: String = chunks.map(|chunk| format!("data: {chunk}\n\n")).concat();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close";
        let length = chunks.len();
        write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{chunks}").unwrap();
    }

    #[test]
    fn an_example_runs_on_a_model_that_is_served() {
        let (url, asked) = serve();
        let args = ["--model", "any:7b", "--base-url", &url];
        let ran = run(PROGRAM, &args, &[("OPENAI_API_KEY", "s3cret")]);
        let text = &ran.text;
        assert_eq!(ran.code, Some(0), "{text}{}", ran.errors);
        let tree = tree(text);
        assert_eq!(tree.len(), 4, "{text}");
        assert!(tree.iter().skip(1).all(|row| row.1 == 1), "{text}");
        // Two turns of 520 tokens, as the server counts them.
        assert!(
            text.contains("spent  1040, the lead has  4960 left"),
            "{text}"
        );
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), 6, "{text}");
        for (headers, body) in asked.iter() {
            assert!(body.contains("\"model\":\"any:7b\""), "{body}");
            // The key of a provider is not sent to another server.
            assert!(!headers.contains("s3cret") && !body.contains("s3cret"));
        }
    }

    #[test]
    fn every_example_takes_it_and_none_trusts_it() {
        let (url, _) = serve();
        for program in [
            env!("CARGO_BIN_EXE_quickstart"),
            env!("CARGO_BIN_EXE_research_team"),
            env!("CARGO_BIN_EXE_code_review"),
        ] {
            let args = ["--model", "any", "--base-url", &url];
            let ran = run(program, &args, &[]);
            assert_eq!(ran.code, Some(0), "{}{}", ran.text, ran.errors);
            // Every agent's model asks for the same file, which no agent here may read.
            let tree = tree(&ran.text);
            for (agent, allowed, refused, how) in
                tree.iter().filter(|row| row.3 != "ended: dropped")
            {
                let outcome = (*allowed, *refused, how.as_str());
                assert_eq!(outcome, (0, 1, "ended: answer"), "{agent}: {}", ran.text);
            }
            assert!(tree.len() >= 3, "{}", ran.text);
        }
    }

    #[test]
    fn the_key_is_taken_from_the_variable_that_is_named() {
        let (url, asked) = serve();
        let args = [
            "--model",
            "openai:any",
            "--base-url",
            &url,
            "--key-env",
            "EXAMPLE_KEY",
        ];
        let ran = run(PROGRAM, &args, &[("EXAMPLE_KEY", "let-me-in")]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.text, ran.errors);
        for (headers, _) in asked.lock().unwrap().iter() {
            assert!(
                headers.contains("authorization: bearer let-me-in"),
                "{headers}"
            );
        }
        let ran = run(PROGRAM, &args, &[("EXAMPLE_KEY", "")]);
        assert_eq!(ran.code, Some(1));
        assert!(
            ran.errors.contains("`EXAMPLE_KEY` holds no key"),
            "{}",
            ran.errors
        );
    }

    #[test]
    fn a_name_without_its_provider_is_asked_about() {
        let ran = run(PROGRAM, &["--model", "any"], &[]);
        assert_eq!(ran.code, Some(1));
        assert!(
            ran.errors.contains("which provider has `any`?"),
            "{}",
            ran.errors
        );
    }
}
