#![allow(unused_imports)]

use bailiwick::tool;
use bailiwick::tool::ToolError;

#[tool(capability = "a", effect = read, risk = low, harmless)]
async fn unknown() -> Result<(), ToolError> {
    Ok(())
}

#[tool(capability = "a", effect = look, risk = tiny)]
async fn words() -> Result<(), ToolError> {
    Ok(())
}

#[tool(capability = "a", capability = "b", effect = read, risk = "low")]
async fn twice() -> Result<(), ToolError> {
    Ok(())
}

#[tool(capability = "agent.spawn", effect = read, risk = low)]
async fn reserved() -> Result<(), ToolError> {
    Ok(())
}

fn main() {}
