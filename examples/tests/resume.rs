//! The example that kills itself and goes on, run as a newcomer runs it.

use std::process::Command;

#[test]
fn the_second_process_goes_on_and_sends_no_letter_twice() {
    let output = Command::new(env!("CARGO_BIN_EXE_resume")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let count = |what: &str| text.matches(what).count();
    assert_eq!(count("a letter to"), 2, "{text}");
    assert_eq!(count("the process dies"), 1, "{text}");
    assert_eq!(
        count("it is not known whether post.send was made"),
        1,
        "{text}"
    );
    assert!(
        text.contains("The clerk says: of the last letter: the outcome of this call is not known")
    );
    assert!(text.trim_end().ends_with("Sent: ada, bob"), "{text}");
}
