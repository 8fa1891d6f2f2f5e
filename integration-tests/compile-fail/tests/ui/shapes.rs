#![allow(unused_imports)]

use bailiwick::tool;
use bailiwick::tool::{State, ToolError};

#[tool(capability = "a", effect = read, risk = low)]
fn not_async() -> Result<(), ToolError> {
    Ok(())
}

#[tool(capability = "a", effect = read, risk = low)]
async fn generic<T>() -> Result<(), ToolError> {
    Ok(())
}

#[tool(capability = "a", effect = read, risk = low)]
async fn pattern((left, right): (u8, u8)) -> Result<(), ToolError> {
    Ok(())
}

#[tool(capability = "a", effect = read, risk = low)]
async fn borrowed(text: &str) -> Result<(), ToolError> {
    Ok(())
}

#[tool(capability = "a", effect = read, risk = low)]
async fn owned_state(state: State<String>) -> Result<(), ToolError> {
    Ok(())
}

#[tool(capability = "a", effect = read, risk = low)]
async fn no_result() {}

#[tool(capability = "a", effect = read, risk = low)]
struct NotAFunction;

struct Notes;

impl Notes {
    #[tool(capability = "a", effect = read, risk = low)]
    async fn method(&self) -> Result<(), ToolError> {
        Ok(())
    }
}

struct Others;

#[tool]
impl Others {
    #[tool(capability = "a", effect = read, risk = low)]
    async fn alone() -> Result<(), ToolError> {
        Ok(())
    }

    #[tool(capability = "b", effect = read, risk = low)]
    async fn changing(&mut self) -> Result<(), ToolError> {
        Ok(())
    }

    #[tool]
    async fn nothing_said(&self) -> Result<(), ToolError> {
        Ok(())
    }
}

struct Empty;

#[tool]
impl Empty {
    fn helper(&self) {}
}

fn main() {}
