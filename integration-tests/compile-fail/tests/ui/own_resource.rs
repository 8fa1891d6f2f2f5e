use bailiwick::tool::Resource;
use bailiwick::tool::fs::Reach;

struct Anything;

impl Resource for Anything {}

impl Reach for Anything {}

fn main() {}
