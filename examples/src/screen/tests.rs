//! What is shown, on a terminal of a few lines of code and in a pipe.

use std::io;
use std::sync::{Arc, Mutex};

use bailiwick::capability::Kind;
use bailiwick::id::CallId;

use super::*;

/// What was written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines that a terminal shows after it: it knows the sequences of the screen, and no others.
    fn shown(&self) -> Vec<String> {
        let text = self.text();
        let (mut lines, mut at) = (vec![String::new()], 0_usize);
        let mut rest = text.as_str();
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            match letter {
                '\n' => {
                    at += 1;
                    if at == lines.len() {
                        lines.push(String::new());
                    }
                }
                '\r' => {}
                '\u{1b}' => {
                    let end = rest
                        .find(|letter: char| letter.is_ascii_alphabetic())
                        .unwrap();
                    let (sequence, after) = rest.split_at(end + 1);
                    rest = after;
                    match sequence.split_at(end) {
                        (count, "A") => at -= count[1..].parse::<usize>().unwrap(),
                        ("[", "J") => {
                            lines.truncate(at + 1);
                            lines[at].clear();
                        }
                        ("[?7", "l" | "h") | (_, "m") => {}
                        other => panic!("unknown sequence {other:?}"),
                    }
                }
                letter => lines[at].push(letter),
            }
        }
        lines
    }
}

fn event(agent: &str, kind: EventKind) -> Event {
    Event {
        version: 1,
        seq: 1,
        time: None,
        agent: agent.to_owned(),
        token: "00".to_owned(),
        kind,
    }
}

fn spawned(agent: &str) -> Event {
    event(
        agent,
        EventKind::Spawned {
            scope: vec!["fs.read where path is \"/a\"".to_owned()],
        },
    )
}

fn thinking(agent: &str, turn: u32) -> Event {
    event(agent, EventKind::Thinking { turn })
}

fn called(agent: &str, path: &str) -> Event {
    let kind = EventKind::Called {
        call: CallId::fresh(),
        capability: "fs.read".to_owned(),
        arguments: format!("{{\"path\":\"{path}\"}}"),
        error: None,
    };
    event(agent, kind)
}

fn denied(agent: &str, capability: &str, path: &str, detail: &str) -> Event {
    let kind = EventKind::Denied {
        capability: capability.to_owned(),
        arguments: format!("{{\"path\":\"{path}\"}}"),
        kind: Kind::Argument,
        hop: Some(1),
        detail: detail.to_owned(),
    };
    event(agent, kind)
}

fn ended(agent: &str, how: &str) -> Event {
    event(
        agent,
        EventKind::Ended {
            how: how.to_owned(),
        },
    )
}

fn screen(live: bool) -> (Screen, Written) {
    let written = Written::default();
    (
        Screen::on(Box::new(written.clone()), live, Paint(live)),
        written,
    )
}

/// A lead, two readers side by side, and a helper of the first.
fn story() -> Vec<Event> {
    vec![
        spawned("lead"),
        spawned("lead/reader"),
        spawned("lead/reader.2"),
        thinking("lead/reader", 1),
        called("lead/reader", "/srv/a"),
        called("lead/reader.2", "/srv/b"),
        called("lead/reader", "/srv/c"),
        spawned("lead/reader/helper"),
        denied(
            "lead/reader/helper",
            "fs.read",
            "/etc/passwd",
            "`path` is not under /srv",
        ),
        thinking("lead/reader.2", 2),
    ]
}

#[test]
fn the_tree_is_drawn_again_in_its_place_beneath_what_happened() {
    let (mut screen, written) = screen(true);
    for event in story() {
        screen.show(&event);
    }
    let tree = [
        "lead        ✓  0  ✗  0  begun",
        "├ reader    ✓  2  ✗  0  fs.read /srv/c",
        "│ └ helper  ✓  0  ✗  1  refused: fs.read",
        "└ reader.2  ✓  1  ✗  0  thinking, turn 2",
        "0 of 4 have ended, 3 allowed, 1 refused",
        "",
    ];
    let shown = written.shown();
    assert!(shown.ends_with(&tree.map(str::to_owned)), "{shown:#?}");
    // It is there once, with any lines drawn before.
    assert_eq!(
        shown
            .iter()
            .filter(|line| line.starts_with("lead  "))
            .count(),
        2,
        "{shown:#?}"
    );
    screen.finish();
    screen.line("after it");
    let shown = written.shown();
    assert_eq!(
        shown
            .iter()
            .filter(|line| line.contains("└ helper"))
            .count(),
        1,
        "{shown:#?}"
    );
    assert_eq!(shown[shown.len() - 2..], ["after it", ""], "{shown:#?}");
}

#[test]
fn a_pipe_gets_each_line_once_and_the_tree_at_the_end() {
    let (mut screen, written) = screen(false);
    for event in story() {
        screen.show(&event);
    }
    assert!(!written.text().contains("✓  2"), "{}", written.text());
    screen.finish();
    let text = written.text();
    assert!(!text.contains('\u{1b}'), "{text:?}");
    // Side by side, and yet the calls of each are together.
    assert!(text.contains("  ✓ fs.read     /srv/a ✓ c\n"), "{text}");
    assert!(text.contains("  ✓ fs.read     /srv/b\n"), "{text}");
    let refused =
        "└ reader/helper  hop 2, \n  may fs.read where path is \"/a\"\n  ✗ fs.read     /etc/passwd";
    assert!(text.contains(refused), "{text}");
    assert_eq!(text.matches("refused: fs.read").count(), 1, "{text}");
}

#[test]
fn attack_28_what_a_model_wrote_moves_no_cursor_and_starts_no_line() {
    let hostile = "\u{1b}[2J\u{1b}]0;title\u{7}\r\n✓ fs.read \u{202e}\u{9b}2J";
    for live in [false, true] {
        let (mut screen, written) = screen(live);
        screen.show(&spawned("lead"));
        screen.show(&denied("lead", hostile, hostile, hostile));
        screen.show(&called("lead", hostile));
        screen.show(&called("lead", hostile));
        let failed = EventKind::Called {
            call: CallId::fresh(),
            capability: hostile.to_owned(),
            arguments: hostile.to_owned(),
            error: Some(hostile.to_owned()),
        };
        screen.show(&event("lead", failed));
        screen.show(&event(
            "lead",
            EventKind::Paused {
                why: hostile.to_owned(),
            },
        ));
        screen.show(&event(
            "lead",
            EventKind::Ended {
                how: hostile.to_owned(),
            },
        ));
        screen.quote(hostile, 5);
        screen.finish();
        // A terminal that knows our own sequences only does not meet another one.
        for line in written.shown() {
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(!line.contains('\u{202e}'), "{line:?}");
            assert!(!line.starts_with('✓'), "{line:?}");
        }
    }
}

#[test]
fn a_tree_that_is_too_high_leaves_out_those_who_have_ended() {
    let (mut screen, written) = screen(true);
    screen.show(&spawned("lead"));
    for number in 0..40 {
        let path = format!("lead/reader.{number}");
        screen.show(&spawned(&path));
        if number < 35 {
            screen.show(&ended(&path, "answer"));
        }
    }
    let shown = written.shown();
    let tree = &shown[shown.len() - 1 - HEIGHT..];
    assert_eq!(
        shown[shown.len() - 2],
        "35 of 41 have ended, 0 allowed, 0 refused"
    );
    assert!(tree[0].starts_with("lead  "), "{tree:#?}");
    for number in 35..40 {
        let name = format!("reader.{number} ");
        assert!(tree.iter().any(|line| line.contains(&name)), "{tree:#?}");
    }
    assert!(
        tree.iter().any(|line| line.starts_with("… and 27 more")),
        "{tree:#?}"
    );
    screen.finish();
    let shown = written.shown();
    assert_eq!(
        shown
            .iter()
            .filter(|line| line.contains("ended: answer"))
            .count(),
        35
    );
}

#[test]
fn an_agent_whose_beginning_was_missed_is_shown() {
    let (mut screen, written) = screen(false);
    screen.missed(7);
    screen.show(&called("lead/reader", "/srv/a"));
    screen.show(&ended("lead/reader", "cancelled"));
    screen.finish();
    let text = written.text();
    assert!(text.contains("(7 events came too fast"), "{text}");
    assert!(
        text.contains("reader  ✓  1  ✗  0  ended: cancelled"),
        "{text}"
    );
}

#[test]
fn arguments_are_read_however_a_model_spaces_them() {
    let (mut screen, written) = screen(false);
    let kind = EventKind::Called {
        call: CallId::fresh(),
        capability: "fs.read".to_owned(),
        arguments: "{   \"text\": \"a \\\" b\",  \"path\" : \"/srv/a b.md\" }".to_owned(),
        error: None,
    };
    screen.show(&event("lead", kind));
    screen.finish();
    let text = written.text();
    assert!(text.contains("✓ fs.read     /srv/a b.md\n"), "{text}");
}
