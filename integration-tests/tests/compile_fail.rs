//! What must not compile, and what it says instead.

#![allow(missing_docs)]

#[test]
fn what_must_not_compile_says_what_to_write() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
}
