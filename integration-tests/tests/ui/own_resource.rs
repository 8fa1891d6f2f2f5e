use bailiwick::tool::fs::{Access, Dir, Reach};
use bailiwick::tool::Resource;

struct Anything;

impl Resource for Anything {}

impl Reach for Anything {}

async fn raw(dir: &Dir) {
    let _ = dir.read("/etc/passwd").await;
    let _ = dir.read(&"/etc/passwd".to_owned()).await;
    let _ = Access::new(["/"], "/etc/passwd");
}

fn main() {}
