use bailiwick::tool;
use bailiwick::tool::ToolError;

#[tool(capability = "a", effect = read, risk = low)]
async fn number(of: u8) -> Result<u8, ToolError> {
    Ok(of)
}

struct Notes;

#[tool]
impl Notes {
    #[tool(capability = "notes.tally", effect = read, risk = low)]
    async fn tally(&self) -> Result<u8, ToolError> {
        Ok(1)
    }

    async fn around(&self) {
        let _ = self.tally().await;
    }
}

async fn around() {
    let _ = number(7).await;
    let _ = Notes.tally().await;
    let _ = Notes.__body().await;
    let _ = __body(7).await;
}

fn main() {}
