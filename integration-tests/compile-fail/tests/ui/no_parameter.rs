use bailiwick::tool;
use bailiwick::tool::ToolError;

#[derive(bailiwick::__private::serde::Serialize, bailiwick::__private::serde::Deserialize)]
#[serde(crate = "bailiwick::__private::serde")]
struct Own;

#[tool(capability = "a", effect = read, risk = low)]
async fn take(own: Own) -> Result<(), ToolError> {
    let _ = own;
    Ok(())
}

fn main() {}
