use bailiwick::tool;
use bailiwick::tool::ToolError;

#[tool(capability = "fs.read", effect = read, risk = low)]
async fn read(#[resource] path: String) -> Result<String, ToolError> {
    Ok(path)
}

fn main() {}
