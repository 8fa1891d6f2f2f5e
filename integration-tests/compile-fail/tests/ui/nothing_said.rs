#![allow(unused_imports)]

use bailiwick::tool;
use bailiwick::tool::ToolError;

#[tool]
async fn nothing() -> Result<(), ToolError> {
    Ok(())
}

#[tool(effect = read, risk = low)]
async fn no_capability() -> Result<(), ToolError> {
    Ok(())
}

#[tool(capability = "fs.read", risk = low)]
async fn no_effect() -> Result<(), ToolError> {
    Ok(())
}

#[tool(capability = "fs.read", effect = read)]
async fn no_risk() -> Result<(), ToolError> {
    Ok(())
}

fn main() {}
