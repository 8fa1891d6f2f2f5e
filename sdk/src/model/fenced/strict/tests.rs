use super::super::tests::tools;

const CALL: &str = r#"{"name": "fs_read", "arguments": {"path": "/a"}}"#;
const ONE: &[(&str, &str)] = &[("fs_read", r#"{"path": "/a"}"#)];

#[track_caller]
fn finds(text: &str, words: &str, calls: &[(&str, &str)]) {
    let (found_words, found) = super::read(text, &tools());
    let found: Vec<_> = found
        .iter()
        .map(|call| (call.name.as_str(), call.arguments.as_str()))
        .collect();
    assert_eq!(
        (found_words.as_str(), found.as_slice()),
        (words, calls),
        "{text}"
    );
}

#[track_caller]
fn finds_none(text: &str) {
    finds(text, text.trim(), &[]);
}

#[test]
fn a_marked_call_counts_with_words_around_it() {
    for block in [
        format!("```tool_call\n{CALL}\n```"),
        format!("```TOOL_CALL {CALL}```"),
        format!("````tool_call\n{CALL}\n````"),
        format!("~~~tool_call\n{CALL}\n~~~"),
        format!("``` tool_calls\n[{CALL}]\n```"),
        format!("  ```tool_call\n  {CALL}\n  ```"),
        format!("<tool_call>\n{CALL}\n</tool_call>"),
        format!("<function_call>{CALL}</function_call>"),
        format!("[TOOL_CALLS] [{CALL}]"),
        format!("<|python_tag|>{CALL}"),
    ] {
        finds(&block, "", ONE);
        finds(&format!("I look.\n\n{block}\n"), "I look.", ONE);
        let thought = format!("<think>\nI must look.\n</think>\n\n{block}");
        finds(&thought, "<think>\nI must look.\n</think>", ONE);
        let thought = format!("I must look.</think>{block}");
        finds(&thought, "I must look.</think>", ONE);
        let code = format!("```text\nan example\n```\n{block}");
        finds(&code, "```text\nan example\n```", ONE);
    }
    finds(
        &format!("I look.\n<tool_call>\n{CALL}\n</tool_call>\nThen I say."),
        "I look.\nThen I say.",
        ONE,
    );
}

#[test]
fn several_marked_calls_keep_their_order() {
    let list = r#"{"name":"fs_list","arguments":{}}"#;
    let both = &[ONE[0], ("fs_list", "{}")];
    for text in [
        format!("```tool_call\n{CALL}\n```\n```tool_call\n{list}\n```"),
        format!("```tool_call\n{CALL},\n{list}\n```"),
        format!("<tool_call>{CALL}</tool_call><tool_call>{list}</tool_call>"),
        format!(
            "<tool_call>{CALL}</tool_call>\n<think>and now</think>\n<tool_call>{list}</tool_call>"
        ),
    ] {
        let (_, calls) = super::read(&text, &tools());
        let found: Vec<_> = calls
            .iter()
            .map(|call| (call.name.as_str(), call.arguments.as_str()))
            .collect();
        assert_eq!(found, both, "{text}");
    }
}

#[test]
fn a_call_without_a_mark_counts_where_it_is_alone() {
    for text in [
        CALL.to_owned(),
        format!("[{CALL}]"),
        format!("{{\"calls\": [{CALL}]}}"),
        format!("```json\n{CALL}\n```"),
        format!("```\n{CALL}\n```\n"),
        format!("```JSON {CALL}```"),
        r#"{"fs_read": {"path": "/a"}}"#.to_owned(),
    ] {
        finds(&text, "", ONE);
        finds(
            &format!("<think>I must look.</think>\n{text}"),
            "<think>I must look.</think>",
            ONE,
        );
        finds(
            &format!("I must.\n</think>\n{text}"),
            "I must.\n</think>",
            ONE,
        );
    }
    finds(
        &format!("Let me look.\n```json\n{CALL}\n```"),
        "Let me look.",
        ONE,
    );
    finds(&format!("{CALL}\n{CALL}"), "", &[ONE[0], ONE[0]]);
}

#[test]
fn what_is_cut_short_is_passed_on_cut() {
    let cut = r#"{"name": "fs_read", "arguments": {"path": "/srv/do"#;
    let call = &[("fs_read", r#"{"path": "/srv/do"#)];
    for text in [
        cut.to_owned(),
        format!("```json\n{cut}"),
        format!("```tool_call\n{cut}"),
        format!("<tool_call>{cut}"),
    ] {
        finds(&text, "", call);
    }
}

#[test]
fn arguments_may_say_anything() {
    for said in ["```", "</tool_call>", "<think>", "</think>", "> ", "~~~"] {
        let arguments = format!("{{\"path\": \"{said}\"}}");
        let call = format!("{{\"name\": \"fs_read\", \"arguments\": {arguments}}}");
        let found: &[(&str, &str)] = &[("fs_read", &arguments)];
        finds(&call, "", found);
        finds(&format!("```tool_call\n{call}\n```"), "", found);
        finds(
            &format!("Good.\n<tool_call>{call}</tool_call>"),
            "Good.",
            found,
        );
    }
}

#[test]
fn an_object_in_prose_is_no_call() {
    for text in [
        format!("The file says {CALL}"),
        format!("The file says:\n{CALL}"),
        format!("{CALL}\nis what the file says."),
        format!("Sorry! [{CALL}]"),
        format!("1. first\n2. {CALL}\n3. third"),
        format!("{CALL} is in the file."),
        format!("The page shows `{CALL}`."),
        format!("{{\"note\": 1}}\n{CALL}"),
        format!("[{CALL}, {{\"a\": 1}}]"),
        format!("{{\"answer\": {CALL}}}"),
    ] {
        finds_none(&text);
    }
}

#[test]
fn a_fence_without_a_mark_is_no_call_where_it_is_a_quotation() {
    for text in [
        format!("The file says:\n```json\n{CALL}\n```"),
        format!("```json\n{CALL}\n```\nThis is what the file says."),
        format!("```text\n{CALL}\n```"),
        format!("Its second line:\n\n```\n{CALL}\n```\n"),
        format!("```json\n{CALL}\n```\nand\n```json\n{CALL}\n```\nare in it."),
        format!("```json\n{{\"example\": {CALL}}}\n```"),
        format!("```json\nHere:\n{CALL}\n```"),
    ] {
        finds_none(&text);
    }
    // Of two fences the last alone ends the answer.
    let text = format!("```json\n{CALL}\n```\nand\n```json\n{CALL}\n```");
    finds(&text, &format!("```json\n{CALL}\n```\nand"), ONE);
}

/// Each mark, with a call.
fn marked() -> Vec<String> {
    vec![
        format!("```tool_call\n{CALL}\n```"),
        format!("~~~tool_call\n{CALL}\n~~~"),
        format!("<tool_call>\n{CALL}\n</tool_call>"),
        format!("<function_call>{CALL}</function_call>"),
        format!("[TOOL_CALLS] [{CALL}]"),
        format!("<|python_tag|>{CALL}"),
    ]
}

#[test]
fn a_marked_call_that_is_quoted_is_none() {
    for block in marked() {
        let behind = |sign: &str| -> String {
            let lines = block.lines().map(|line| format!("{sign}{line}\n"));
            lines.collect()
        };
        for text in [
            behind("> "),
            behind(">"),
            behind("    "),
            behind("\t"),
            behind("- "),
            format!("The file says {block}"),
            format!("It says \"{block}\"."),
            format!("````\n{block}\n````\nis in the file."),
            format!("````markdown\n{block}\n````"),
            format!("~~~~md\n{block}\n~~~~"),
            format!("<blockquote>\n{block}\n</blockquote>"),
            format!("<pre><code>\n{block}\n</code></pre>\nis what it says."),
            format!("<tool_response>\n{block}\n</tool_response>"),
            format!("A file:\n```\nfirst\n> {block}"),
        ] {
            finds_none(&text);
        }
    }
}

#[test]
fn a_call_that_is_thought_of_is_none() {
    let mut blocks = marked();
    blocks.push(CALL.to_owned());
    blocks.push(format!("```json\n{CALL}\n```"));
    for block in blocks {
        for text in [
            format!("<think>\n{block}\n</think>\nNo, I will not."),
            format!("<think>\n{block}\n</think>"),
            format!("<think>\n{block}\n"),
            format!("<THINK>\n{block}\n</THINK>"),
            format!("<think >{block}</think>"),
            format!("<thinking type=\"x\">\n{block}\n</thinking> No."),
            format!("<think>a<think>b</think>\n{block}\n</think>\nNo."),
            format!("\n{block}\n</think>\nNo."),
            format!("```\nopen\n{block}\n</think>\nNo."),
            format!("[THINK]\n{block}\n[/THINK]No."),
            format!("◁think▷\n{block}\n◁/think▷No."),
            format!("<reasoning>\n{block}\n</reasoning>No."),
            format!("<|begin_of_thought|>\n{block}\n<|end_of_thought|>No."),
            format!("<|channel|>analysis<|message|>\n{block}\n<|end|>No."),
            format!("First.\n<think>\n{block}\n</think>\nNo."),
        ] {
            let (_, calls) = super::read(&text, &tools());
            assert!(calls.is_empty(), "{text}");
        }
    }
}

#[test]
fn what_ends_thinking_in_a_quotation_opens_no_call() {
    for block in marked() {
        finds_none(&format!("````\n</think>\n{block}\n````\nis in the file."));
        // Thinking that quotes an end of thinking ends for good where it ends.
        finds_none(&format!(
            "<think>it says </think>\n{block}\nhm\n</think>\nNo."
        ));
    }
}

#[test]
fn plain_answers_stay_as_they_are() {
    for answer in [
        "There are 3 files [1] in {the} directory.",
        r#"{"name": "Ada", "input": 3, "born": 1815}"#,
        "```json\n{\"answer\": 42}\n```",
        "```rust\nfn main() { println!(\"{}\", 1) }\n```",
        "fs_read(\"/a\") would read it",
        "The tag `<think>` begins thinking.",
        "```tool_call\nprint(1)\n```",
        "a < b\n<b>bold</b>\n[link](x)",
        "",
        "{{{{[[[[",
        "{\"",
        "```",
        "<think>",
        "</think>",
    ] {
        finds_none(answer);
    }
}

#[test]
fn long_hostile_texts_are_gone_through_once() {
    for piece in [
        "<think>",
        "</think>",
        "<think></think>",
        "<think></think>\n",
        "<code>",
        "```\n",
        "```\n{\"",
        "```json\n{\"\n```\n",
        "````````````",
        "~~~\n",
        "<tool_call>",
        "<tool_call>{\"calls\":[1,\"",
        "<tool_call>{\"function\":",
        "[TOOL_CALLS][{",
        "{\"</think>",
        "{\"name\":",
        "[{\"name\":\"fs_read\"}</think>",
        "> ",
        "    ",
        "`",
        "<",
    ] {
        let text = piece.repeat(200_000 / piece.len());
        let (words, calls) = super::read(&text, &tools());
        assert!(words.len() <= text.len() && calls.len() <= text.len());
    }
    let one = format!("<tool_call>{CALL}</tool_call>");
    let (words, calls) = super::read(&one.repeat(5_000), &tools());
    assert_eq!((words.as_str(), calls.len()), ("", 5_000));
}
