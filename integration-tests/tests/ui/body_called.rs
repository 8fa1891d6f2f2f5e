use bailiwick::tool;
use bailiwick::tool::ToolError;

#[tool(capability = "a", effect = read, risk = low)]
async fn number(of: u8) -> Result<u8, ToolError> {
    Ok(of)
}

struct Notes;

#[tool]
impl Notes {
    #[tool(capability = "notes.count", effect = read, risk = low)]
    async fn count(&self) -> Result<u8, ToolError> {
        Ok(1)
    }

    async fn around(&self) {
        let _ = self.count().await;
    }
}

async fn around() {
    let _ = number(7).await;
    let _ = Notes.count().await;
    let _ = Notes.__body().await;
    let _ = __body(7).await;
}

fn main() {}
