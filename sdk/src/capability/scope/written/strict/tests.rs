use serde::Deserialize;
use serde_json::json;

use crate::capability::scope::builder::Scope;

/// A file of a program, which holds a scope beside its own fields.
#[derive(Debug, Deserialize)]
struct Configuration {
    scope: Scope,
}

fn by_serde(scope: &str) -> Result<Scope, String> {
    let text = format!(r#"{{"scope": {scope}}}"#);
    serde_json::from_str::<Configuration>(&text)
        .map(|read| read.scope)
        .map_err(|error| error.to_string())
}

#[test]
fn serde_refuses_what_the_reader_of_json_refuses() {
    let grant = |args: &str| format!(r#"{{"grants": [{{"tool": "t", "args": {args}}}]}}"#);
    let deep = format!(
        r#"{{"x": {{"eq": {}1{}}}}}"#,
        "[".repeat(40),
        "]".repeat(40)
    );
    for text in [
        r#"{"grants": [], "grants": "inherit"}"#.to_owned(),
        r#"{"grants": [], "max_risk": "low", "max_risk": "critical"}"#.to_owned(),
        r#"{"grants": [], "budget": {"calls": 1, "calls": 9}}"#.to_owned(),
        grant(r#"{"x": {"eq": 1}, "x": "any"}"#),
        grant(r#"{"x": {"eq": 1, "eq": 2}}"#),
        grant(r#"{"x": {"eq": {"k": 1, "k": 2}}}"#),
        grant(r#"{"x": {"eq": 1e20}}"#),
        grant(r#"{"x": {"eq": 18446744073709551616}}"#),
        grant(r#"{"x": {"eq": {"$decimal": "05"}}}"#),
        grant(&deep),
        r#"{"grants": [], "expire_in": "1m"}"#.to_owned(),
        r#"{"grants": [], "budget": {"calls": []}}"#.to_owned(),
        r#"{"grants": [], "audience": null}"#.to_owned(),
        "{}".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
    ] {
        assert!(Scope::from_json(&text).is_err(), "{text}");
        assert!(by_serde(&text).is_err(), "{text}");
    }
    let twice = by_serde(r#"{"grants": [], "budget": {"calls": 1, "calls": 9}}"#).unwrap_err();
    assert!(
        twice.contains("key `calls` is given twice in one object"),
        "{twice}"
    );
    let unknown = by_serde(r#"{"grants": [], "expire_in": "1m"}"#).unwrap_err();
    assert!(unknown.contains("did you mean `expires_in`"), "{unknown}");
}

#[test]
fn serde_reads_what_the_reader_of_json_reads() {
    let text = r#"{"grants": [{"tool": "t", "args": {
        "x": {"range": {"min": -1, "max": 98.7}}, "y": {"eq": [1, true, 18446744073709551615]}
    }}], "expires_in": "10m", "budget": {"calls": [1, {"max": 2, "shared": "s"}]}}"#;
    let read = Scope::from_json(text).unwrap();
    assert_eq!(by_serde(text), Ok(read.clone()));
    let value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::from_value::<Scope>(value).unwrap(), read);
    let empty = json!({"grants": [], "budget": {}});
    assert!(serde_json::from_value::<Scope>(empty).is_err());
}

#[cfg(feature = "toml")]
#[test]
fn a_scope_in_a_file_of_toml_is_read_as_one_alone() {
    let scope = "grants = [{ tool = \"t\" }]\nexpires_at = 2030-01-01T00:00:00Z\n";
    let file: Configuration = toml::from_str(&format!("[scope]\n{scope}")).unwrap();
    assert_eq!(file.scope, Scope::from_toml(scope).unwrap());
    let wrong = toml::from_str::<Configuration>("[scope]\ngrants = []\nbudget = {}\n");
    assert!(
        wrong
            .unwrap_err()
            .to_string()
            .contains("nothing is limited here")
    );
}
