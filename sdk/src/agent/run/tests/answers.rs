//! Which completions are not answers, and which calls are not made because of it.

use super::*;

const STOPS: [StopReason; 5] = [
    StopReason::End,
    StopReason::ToolCalls,
    StopReason::MaxTokens,
    StopReason::Refused,
    StopReason::Other,
];

fn said(text: Option<&str>, stop: StopReason) -> Completion {
    let mut completion = Completion::default().with_stop(stop);
    completion.text = text.map(str::to_owned);
    completion
}

/// What the model is asked with next.
fn told(run: &Run) -> String {
    match run.next() {
        Step::AskModel(request) => match request.messages.last() {
            Some(Message::User { text }) => text.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_call_of_a_completion_that_was_cut_short_or_filtered_is_made() {
    for (stop, why, ended) in [
        (StopReason::MaxTokens, "limit of tokens", Ended::CutShort),
        (StopReason::Refused, "filtered", Ended::Refused),
    ] {
        let mut run = run();
        let cut = asks(&["a", "b"]).with_text("I will").with_stop(stop);
        run.completed(cut.clone()).unwrap();
        assert!(told(&run).contains(why), "{}", told(&run));
        assert!(told(&run).contains("none of its 2 calls was made"));
        // What was not made is not in the conversation either: each call has a result there.
        assert_eq!(
            run.messages()[1],
            Message::Assistant {
                text: Some("I will".into()),
                calls: vec![],
                carried: vec![],
            }
        );
        // Whole calls are made, and the corrections are counted anew.
        run.completed(asks(&["a"])).unwrap();
        assert_eq!(open(&run), ["a"]);
        run.resolved("a", value("A")).unwrap();
        for _ in 0..3 {
            assert!(matches!(run.next(), Step::AskModel(_)));
            run.completed(cut.clone()).unwrap();
            run = reread(&run);
        }
        assert_eq!(done(&run).ended, ended);
        assert_eq!(done(&run).turns, 5);
        assert_eq!(run.completed(asks(&["z"])), Err(RunError::Ended));
    }
}

#[test]
fn calls_count_when_the_model_came_to_their_end() {
    for stop in [StopReason::End, StopReason::ToolCalls, StopReason::Other] {
        let mut run = run();
        run.completed(asks(&["a"]).with_stop(stop)).unwrap();
        assert_eq!(open(&run), ["a"], "{stop:?}");
    }
}

#[test]
fn nothing_said_is_no_answer_whatever_the_reason() {
    for stop in STOPS {
        for text in [None, Some(""), Some(" \n\t")] {
            let mut run = run();
            run.completed(said(text, stop)).unwrap();
            assert!(told(&run).contains("Your last answer") || told(&run).contains("You stopped"));
            // No provider takes an empty message.
            assert_eq!(run.messages().len(), 2, "{:?}", run.messages());
            run.completed(Completion::answer("here")).unwrap();
            let finished = done(&run);
            assert_eq!(
                (finished.ended, finished.text.as_str()),
                (Ended::Answer, "here")
            );
        }
    }
}

#[test]
fn each_way_of_not_answering_ends_by_its_own_name() {
    for (text, stop, ended) in [
        (None, StopReason::End, Ended::NoAnswer),
        (None, StopReason::Other, Ended::NoAnswer),
        (Some("Let me look."), StopReason::ToolCalls, Ended::NoAnswer),
        (None, StopReason::MaxTokens, Ended::CutShort),
        (None, StopReason::Refused, Ended::Refused),
        (
            Some("I can't help with that."),
            StopReason::Refused,
            Ended::Refused,
        ),
    ] {
        let mut run = run();
        for turn in 0..3 {
            assert!(matches!(run.next(), Step::AskModel(_)), "{turn}");
            run.completed(said(text, stop)).unwrap();
        }
        let finished = done(&run);
        assert_eq!((finished.ended, finished.turns), (ended, 3));
        assert!(
            finished
                .text
                .starts_with("the last of 3 completions in a row is not an answer: ")
        );
        let words = text
            .filter(|_| stop == StopReason::Refused)
            .unwrap_or_default();
        assert!(finished.text.ends_with(words), "{}", finished.text);
    }
}

#[test]
fn words_without_a_glyph_are_no_answer() {
    let blank = [
        "\u{200b}",
        "\u{feff}",
        "\u{e0041}\u{e007f}",
        "\u{202e}\u{2066}\u{2069}",
        "\u{fe0f}\u{200d}",
        "\u{34f}\u{180e}",
        " \u{2060}\n\u{ad}\t",
        "\u{0}\u{7f}",
        "\u{3164}",
        "\u{2028}\u{3000}",
    ];
    for text in blank {
        for (stop, ended) in [
            (StopReason::End, Ended::NoAnswer),
            (StopReason::Other, Ended::NoAnswer),
            (StopReason::MaxTokens, Ended::CutShort),
        ] {
            let mut run = run();
            for _ in 0..3 {
                assert!(matches!(run.next(), Step::AskModel(_)), "{text:?}");
                run.completed(said(Some(text), stop)).unwrap();
            }
            assert_eq!(done(&run).ended, ended, "{text:?}");
        }
        // With words among them it is one.
        let mut run = run();
        let text = format!("{text}no{text}");
        run.completed(said(Some(&text), StopReason::End)).unwrap();
        assert_eq!(done(&run).ended, Ended::Answer, "{text:?}");
        // Calls count, with any text beside them.
        let mut run = super::run();
        run.completed(asks(&["a"]).with_text(text)).unwrap();
        assert_eq!(open(&run), ["a"]);
    }
    // A picture is seen, and so is a letter with what is not.
    for text in ["\u{1f44d}\u{fe0f}", "\u{2764}\u{fe0f}", "."] {
        let mut run = run();
        run.completed(said(Some(text), StopReason::End)).unwrap();
        assert_eq!(done(&run).ended, Ended::Answer, "{text:?}");
    }
}

#[test]
fn words_are_an_answer() {
    for stop in [StopReason::End, StopReason::MaxTokens, StopReason::Other] {
        let mut run = run();
        run.completed(said(Some("short"), stop)).unwrap();
        assert_eq!(
            (done(&run).ended, done(&run).stop),
            (Ended::Answer, Some(stop))
        );
    }
}

#[test]
fn a_run_that_got_no_answer_is_taken_up_again() {
    let mut run = run();
    for _ in 0..3 {
        run.completed(Completion::default()).unwrap();
    }
    let stalled = reread(&run);
    assert_eq!(done(&stalled).ended, Ended::NoAnswer);
    assert!(done(&stalled).ended.may_go_on());
    let mut again = stalled.again();
    assert!(matches!(again.next(), Step::AskModel(_)));
    // The corrections are counted anew.
    again.completed(Completion::default()).unwrap();
    assert!(matches!(again.next(), Step::AskModel(_)));
    again.completed(Completion::answer("at last")).unwrap();
    assert_eq!((done(&again).ended, done(&again).turns), (Ended::Answer, 5));
    // A run that is over stays so.
    assert_eq!(done(&again.clone().again()), done(&again));
}

#[test]
fn a_call_that_is_told_twice_with_one_id_is_one_call() {
    let mut run = run();
    run.completed(asks(&["a", "b", "a"])).unwrap();
    assert_eq!(open(&run), ["a", "b"]);
    run.resolved("a", value("A")).unwrap();
    run.resolved("b", value("B")).unwrap();
    assert_eq!(outcomes(&run), [("a", "A", false), ("b", "B", false)]);
}
