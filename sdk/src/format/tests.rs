use serde::Deserialize;
use serde_json::json;

use super::*;

/// A format that exists for these tests, after its second version has added `colour` and renamed `size`.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    version: u32,
    width: u32,
    #[serde(default)]
    colour: Option<String>,
}

fn second(value: Value) -> Result<Shape, String> {
    strict(value)
}

/// The first version, as a later build reads it.
fn first(mut value: Value) -> Result<Shape, String> {
    without(&value, &["/colour", "/width"])?;
    let members = value.as_object_mut().ok_or("it is not an object")?;
    let size = members.remove("size").ok_or("it has no `size`")?;
    members.insert("width".to_owned(), size);
    strict(value)
}

static BEFORE: Format<Value> = Format::new(&[(1, Ok)]);
static AFTER: Format<Shape> = Format::new(&[(1, first), (2, second)]);

fn shape(version: u32, width: u32, colour: Option<&str>) -> Shape {
    let colour = colour.map(str::to_owned);
    Shape {
        version,
        width,
        colour,
    }
}

#[test]
fn a_second_version_is_added_and_the_first_is_still_read() {
    let one = json!({"version": 1, "size": 3});
    let two = json!({"version": 2, "width": 4, "colour": "red"});
    assert_eq!(BEFORE.read(one.clone()), Ok(one.clone()));
    assert_eq!(AFTER.read(one), Ok(shape(1, 3, None)));
    assert_eq!(AFTER.read(two.clone()), Ok(shape(2, 4, Some("red"))));
    // The build before says which version it found, which it reads, and what to do.
    let error = BEFORE.read(two).unwrap_err().to_string();
    for part in ["has version `2`", "reads version `1`;", "use a build that"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_value_is_read_by_the_version_that_it_says() {
    // What one version has, the other does not.
    for wrong in [
        json!({"version": 1, "width": 3}),
        json!({"version": 1, "size": 3, "colour": "red"}),
        json!({"version": 1, "size": 3, "colour": null}),
        json!({"version": 2, "size": 3}),
        json!({"version": 2, "width": 3, "weight": 1}),
        json!({"version": 2, "width": "3"}),
    ] {
        let error = AFTER.read(wrong.clone()).unwrap_err();
        assert!(matches!(error, FormatError::Damaged(_)), "{wrong}: {error}");
    }
}

#[test]
fn a_version_that_is_not_known_is_named() {
    for (found, shown) in [
        (json!(3), "`3`"),
        (json!(0), "`0`"),
        (json!(-1), "`-1`"),
        (json!(1.0), "`1.0`"),
        (json!("1"), "`\"1\"`"),
        (json!(null), "`null`"),
        (json!(u64::MAX), "`18446744073709551615`"),
        // Not the version 1 in 32 bits.
        (json!((1_u64 << 32) + 1), "`4294967297`"),
        (json!("\u{202e}x"), "`\"\\u{202e}x\"`"),
        (json!("y".repeat(5000)), "y…`"),
    ] {
        let value = json!({"version": found, "size": 3, "unknown": true});
        let error = AFTER.read(value).unwrap_err();
        assert!(matches!(error, FormatError::Version { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(shown), "{text}");
        assert!(text.contains("reads versions `1` and `2`;"), "{text}");
        assert!(text.len() < 200, "{text}");
    }
}

#[test]
fn a_value_without_a_version_is_of_the_version_that_had_none() {
    static UNMARKED: Format<Value> = Format::new(&[(1, Ok)]).unmarked(1);
    let value = json!({"size": 3});
    assert_eq!(UNMARKED.read(value.clone()), Ok(value.clone()));
    assert_eq!(AFTER.read(value), Err(FormatError::NoVersion));
    assert_eq!(AFTER.read(json!([])), Err(FormatError::NoVersion));
    assert_eq!(AFTER.read(json!(1)), Err(FormatError::NoVersion));
    let later = UNMARKED.read(json!({"version": 2, "size": 3}));
    assert!(matches!(later, Err(FormatError::Version { .. })));
}

#[test]
fn the_versions_that_are_read_are_listed() {
    static THREE: Format<Value> = Format::new(&[(2, Ok), (4, Ok), (5, Ok)]);
    let error = THREE.read(json!({"version": 3})).unwrap_err().to_string();
    assert!(
        error.contains("reads versions `2`, `4` and `5`;"),
        "{error}"
    );
    assert!(THREE.read(json!({"version": 4})).is_ok());
}
