use bailiwick::__private::serde::{Deserialize, Serialize};
use bailiwick::tool::Arguments;

#[derive(Serialize, Deserialize, Arguments)]
#[serde(crate = "bailiwick::__private::serde")]
struct Lax {
    text: String,
}

#[derive(Serialize, Deserialize, Arguments)]
#[serde(crate = "bailiwick::__private::serde", deny_unknown_fields)]
struct Renamed {
    #[serde(rename = "other")]
    text: String,
}

fn main() {}
