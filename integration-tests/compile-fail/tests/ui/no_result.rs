use bailiwick::tool;

#[tool(capability = "a", effect = read, risk = low)]
async fn number() -> u8 {
    7
}

fn main() {}
