use bailiwick::tool::fs::{Access, Dir};

fn raw(dir: &Dir, path: &String) {
    drop(dir.read(path));
    drop(Access::new(["/"], path));
}

fn main() {}
