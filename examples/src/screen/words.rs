//! What a line says of a call and of a refusal; all text of a model is escaped here.

use bailiwick::text::printable;

/// The argument that matters, out of argument text that a model wrote and that may be cut.
pub(super) fn argument(arguments: &str) -> String {
    let arguments = &compact(arguments);
    let all = |key: &str| {
        let parts = arguments.split(key).skip(1);
        parts
            .map(|part| part.split('"').next().unwrap_or_default())
            .collect::<Vec<_>>()
    };
    let (roles, paths) = (all("\"role\":\""), all("\"path\":\""));
    let found = match (roles.as_slice(), paths.as_slice()) {
        ([role], _) => format!(
            "{role} with {} {}",
            all("\"tool\":\"").concat(),
            all("\"path_under\":[\"").concat()
        ),
        (_, [path]) => (*path).to_owned(),
        // A key that is given twice.
        (_, [_, _, ..]) => paths
            .iter()
            .filter_map(|path| path.rsplit('/').next())
            .collect::<Vec<_>>()
            .join(" + "),
        _ => all("\"url\":\"")
            .first()
            .map_or_else(|| arguments.to_owned(), |url| (*url).to_owned()),
    };
    printable(&found)
}

/// JSON without the spaces between its parts, which every model sets in its own way.
fn compact(json: &str) -> String {
    if !json.trim_start().starts_with('{') {
        return json.to_owned();
    }
    let (mut inside, mut escaped) = (false, false);
    let keep = |letter: &char| {
        if *letter == '"' && !escaped {
            inside = !inside;
        }
        escaped = inside && *letter == '\\' && !escaped;
        inside || !letter.is_whitespace()
    };
    json.chars().filter(keep).collect()
}

/// What is wrong, without the argument that stands before it on the line.
pub(super) fn brief(why: &str) -> String {
    let rest = why
        .split_once("` ")
        .or_else(|| why.split_once(": "))
        .map_or(why, |(_, rest)| rest);
    printable(rest.strip_prefix("is ").unwrap_or(rest))
}

/// Who refused: the hop and the kind.
pub(super) fn by(hop: Option<u32>, kind: &str) -> String {
    hop.map_or_else(|| kind.to_owned(), |hop| format!("hop {hop} {kind}"))
}
