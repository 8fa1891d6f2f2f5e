use bailiwick::tool::Toolbox;

struct Plain;

async fn function() {}

fn main() {
    let _ = Toolbox::builder().tool(Plain).tool(function).tools(Plain);
}
