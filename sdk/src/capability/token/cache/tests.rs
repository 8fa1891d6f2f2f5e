use allocation_counter::measure;

use super::*;
use crate::capability::keys::{AgentKey, Authority};
use crate::capability::scope::{Grant, Scope, any, matches, one_of, path_under};
use crate::capability::token::{Chain, KeyRing, Mandate};
use crate::id::Timestamp;

fn minted(authority: &Authority, scope: &Scope) -> Chain {
    let now = Timestamp::from_secs(1_800_000_000).unwrap();
    let to = AgentKey::generate().public();
    authority.mint(scope, &Mandate::default(), to, now).unwrap()
}

fn scopes() -> Vec<Scope> {
    let patterns: Vec<String> = (0..16).map(|n| format!("[a-z]{n}")).collect();
    let short = |from: u32, count: u32| (from..from + count).map(|n| format!("{n}"));
    let mut many = Scope::new();
    for n in 0..40 {
        many = many.grant(
            Grant::new(format!("t{n}"))
                .arg("a", any())
                .arg("b", one_of(short(n, 20))),
        );
    }
    vec![
        Scope::new().grant(Grant::new("ping")),
        Scope::new().grant(Grant::new("fs.read").arg("path", path_under("/srv"))),
        Scope::new().grant(Grant::new("fs.read").arg("path", matches(patterns))),
        Scope::new().grant(Grant::new("t").arg("a", one_of(short(0, 1000)))),
        many,
    ]
}

#[test]
fn what_is_weighed_is_what_is_held() {
    let authority = Authority::generate();
    for scope in scopes() {
        let bytes = minted(&authority, &scope).to_bytes();
        let ring = KeyRing::new([authority.root()]);
        let mut chain = None;
        let held = measure(|| chain = ring.chain(&bytes).ok()).bytes_current;
        let weighed = chain.unwrap().last_hop().bytes() as i64;
        assert!(
            held / 2 <= weighed && weighed <= 4 * held + 4096,
            "{weighed} for {held} of {} bytes",
            bytes.len()
        );
    }
}

#[test]
fn bytes_are_counted_and_not_links() {
    const MOST: usize = 2 << 20;
    let authority = Authority::generate();
    for scope in scopes() {
        let mut cache = Cache::new(MOST);
        let mut links = 0;
        let begun = measure(|| {
            while links == cache.len() && links < 3000 {
                cache.insert(authority.public(), minted(&authority, &scope).last_hop());
                assert!(cache.bytes() <= MOST, "{}", cache.bytes());
                links += 1;
            }
        });
        assert!(begun.bytes_current <= 2 * MOST as i64, "{begun:?}");
        assert!(cache.bytes() > MOST / 4 || links == 3000, "{links} links");
        let before = cache.len();
        cache.clear();
        assert_eq!((cache.bytes(), cache.len()), (0, 0), "of {before}");
    }
}

#[test]
fn what_does_not_fit_is_not_kept() {
    let authority = Authority::generate();
    let mut cache = Cache::new(4096);
    cache.insert(
        authority.public(),
        minted(&authority, &scopes()[3]).last_hop(),
    );
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
}
