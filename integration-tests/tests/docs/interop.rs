//! The page on other libraries shows the files that the tests run.

use std::fs;
use std::path::Path;

#[test]
fn the_page_shows_what_is_tested() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(here.join("../docs/src/interop.md")).unwrap();
    for (language, file) in [("python", "wire_call.py"), ("js", "wire_call.mjs")] {
        let code = fs::read_to_string(here.join("interop").join(file)).unwrap();
        let shown = format!("```{language}\n{code}```\n");
        assert!(page.contains(&shown), "the page does not show {file}");
    }
}
