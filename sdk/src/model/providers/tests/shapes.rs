//! Streams in the shapes of real servers, one file each, whole and cut at every byte.

use super::*;
use crate::model::{StopReason, Usage};

/// A file, the provider whose protocol it is of, and what is right.
struct Shape {
    name: &'static str,
    provider: Provider,
    file: &'static str,
    text: Option<&'static str>,
    calls: &'static [(&'static str, &'static str, &'static str)],
    usage: Option<(u64, u64, u64)>,
    stop: StopReason,
    carried: &'static [(&'static str, &'static str)],
}

const READ: (&str, &str) = ("fs_read", r#"{"path": "/project/docs/a"}"#);
const READ_CLOSE: (&str, &str) = ("fs_read", r#"{"path":"/project/docs/a"}"#);

const SHAPES: [Shape; 11] = [
    Shape {
        name: "OpenAI",
        provider: Provider::OpenAi,
        file: include_str!("servers/openai.sse"),
        text: None,
        calls: &[
            ("call_Aa1", READ_CLOSE.0, READ_CLOSE.1),
            ("call_Bb2", "fs_list", r#"{"path":"/project"}"#),
        ],
        usage: Some((20, 52, 100)),
        stop: StopReason::ToolCalls,
        carried: &[],
    },
    Shape {
        name: "Anthropic",
        provider: Provider::Anthropic,
        file: include_str!("servers/anthropic.sse"),
        text: Some("I look é."),
        calls: &[("toolu_01", READ.0, READ.1), ("toolu_02", "now", "{}")],
        usage: Some((57, 89, 30)),
        stop: StopReason::ToolCalls,
        carried: &[(
            "content",
            r#"{"signature":"EqQBCgIYAhIM1gbcDa9GJwZA==","thinking":"I look first.","type":"thinking"}"#,
        )],
    },
    Shape {
        name: "Gemini",
        provider: Provider::Gemini,
        file: include_str!("servers/gemini.sse"),
        text: None,
        calls: &[
            ("function-call-1001", READ_CLOSE.0, READ_CLOSE.1),
            ("function-call-1002", "fs_read", r#"{"path":"/project"}"#),
        ],
        usage: Some((84, 31, 0)),
        stop: StopReason::ToolCalls,
        carried: &[],
    },
    Shape {
        name: "Ollama",
        provider: Provider::Ollama,
        file: include_str!("servers/ollama.sse"),
        text: None,
        calls: &[("call_lgh3", READ_CLOSE.0, READ_CLOSE.1)],
        usage: Some((31, 8, 0)),
        stop: StopReason::ToolCalls,
        carried: &[],
    },
    Shape {
        name: "vLLM",
        provider: Provider::OpenAi,
        file: include_str!("servers/vllm.sse"),
        text: None,
        calls: &[("chatcmpl-tool-1f", READ.0, READ.1)],
        usage: Some((60, 19, 0)),
        stop: StopReason::ToolCalls,
        carried: &[("reasoning_content", r#""It is a file.""#)],
    },
    Shape {
        name: "llama.cpp",
        provider: Provider::OpenAi,
        file: include_str!("servers/llama_cpp.sse"),
        text: Some("Two files 🗎."),
        calls: &[],
        usage: Some((21, 6, 0)),
        stop: StopReason::End,
        carried: &[],
    },
    Shape {
        name: "Mistral",
        provider: Provider::OpenAi,
        file: include_str!("servers/mistral.sse"),
        text: Some("I look."),
        calls: &[
            ("D681PevKs", READ.0, READ.1),
            ("vvxcEbf6P", "fs_list", r#"{"path": "/project"}"#),
        ],
        usage: Some((94, 35, 0)),
        stop: StopReason::ToolCalls,
        carried: &[],
    },
    Shape {
        name: "MiniMax",
        provider: Provider::OpenAi,
        file: include_str!("servers/minimax.sse"),
        text: None,
        calls: &[(
            "call_function_1",
            "fs_read",
            r#"{"path": "/project/docs/a", "path": "/b"}"#,
        )],
        usage: Some((250, 50, 0)),
        stop: StopReason::ToolCalls,
        carried: &[(
            "reasoning_details",
            r#"[{"format":"MiniMax-response-v1","id":"reasoning-text-1","index":0,"text":"Read it.","type":"reasoning.text"}]"#,
        )],
    },
    Shape {
        name: "DeepSeek",
        provider: Provider::OpenAi,
        file: include_str!("servers/deepseek.sse"),
        text: None,
        calls: &[("call_00_Zf", READ.0, READ.1)],
        usage: Some((72, 40, 128)),
        stop: StopReason::ToolCalls,
        carried: &[("reasoning_content", r#""I need \"a\".""#)],
    },
    Shape {
        name: "Groq",
        provider: Provider::OpenAi,
        file: include_str!("servers/groq.sse"),
        text: None,
        calls: &[("fc_1", READ_CLOSE.0, READ_CLOSE.1)],
        usage: Some((150, 42, 0)),
        stop: StopReason::ToolCalls,
        carried: &[],
    },
    Shape {
        name: "Azure",
        provider: Provider::OpenAi,
        file: include_str!("servers/azure.sse"),
        text: Some("The "),
        calls: &[],
        usage: None,
        stop: StopReason::Refused,
        carried: &[],
    },
];

impl Shape {
    fn check(&self, completion: &Completion) {
        let name = self.name;
        assert_eq!(completion.text.as_deref(), self.text, "{name}");
        let calls: Vec<_> = completion
            .calls
            .iter()
            .map(|call| (&*call.id, &*call.name, &*call.arguments))
            .collect();
        assert_eq!(calls, self.calls, "{name}");
        let usage = self.usage.map(|(input, output, cached)| Usage {
            input,
            output,
            cached,
        });
        assert_eq!(completion.usage, usage, "{name}");
        assert_eq!(completion.stop, self.stop, "{name}");
        let carried: Vec<_> = completion
            .carried
            .iter()
            .map(|it| (it.name(), it.json()))
            .collect();
        assert_eq!(carried, self.carried, "{name}");
    }
}

#[test]
fn each_server_is_read_as_it_says() {
    for shape in &SHAPES {
        assert!(shape.file.starts_with(": "), "it names its documentation");
        shape.check(&read(shape.provider, &[shape.file.as_bytes()]).unwrap());
    }
    let gemini = read(Provider::Gemini, &[SHAPES[2].file.as_bytes()]).unwrap();
    let signed = &gemini.calls[0].carried[0];
    let right = r#"{"google":{"thought_signature":"CiQBVKhc7h1="}}"#;
    assert_eq!((signed.name(), signed.json()), ("extra_content", right));
    assert!(gemini.calls[1].carried.is_empty());
}

#[test]
fn a_network_that_cuts_at_any_byte_changes_nothing() {
    for shape in &SHAPES {
        for lines in ["\n", "\r\n", "\r"] {
            let body = shape.file.replace('\n', lines);
            // A carriage return alone is read as the one before a line feed is.
            let step = if lines == "\r" { 97 } else { 1 };
            for cut in (0..=body.len()).step_by(step) {
                let (before, after) = body.as_bytes().split_at(cut);
                shape.check(&read(shape.provider, &[before, after]).unwrap());
            }
            let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
            shape.check(&read(shape.provider, &bytes).unwrap());
        }
    }
}

#[test]
fn a_stream_that_ends_at_any_byte_is_an_error_or_the_same() {
    for shape in &SHAPES {
        let whole = read(shape.provider, &[shape.file.as_bytes()]).unwrap();
        let (mut broken, mut same) = (0, 0);
        for end in 0..shape.file.len() {
            match read(shape.provider, &[&shape.file.as_bytes()[..end]]) {
                Err(error) => {
                    assert!(error.is_transient() && error.is_unsettled(), "{error}");
                    broken += 1;
                }
                Ok(mut completion) => {
                    // What it cost may come after the end of what it says: then it is not known.
                    completion.usage = completion.usage.or(whole.usage);
                    assert_eq!(completion, whole, "{} cut at {end}", shape.name);
                    same += 1;
                }
            }
        }
        assert!(broken > same && same > 0, "{}", shape.name);
    }
}
