//! A block of any content, in one of the places that a chain has, signed as that place asks.

use std::sync::OnceLock;

use bailiwick::capability::{
    Atom, Authority, Budget, Call, CallNonce, Chain, Decimal, Facts, Grant, KeyRing, Mandate,
    Quorum, Risk, Scope, Sensitivity, UrlPattern, any, at_least, at_most, cidr, eq, host, hours,
    matches, one_of, path_under, prefix, range, subset_of, url,
};
use bailiwick::id::Timestamp;
use bailiwick_integration_tests::forge;
use bailiwick_integration_tests::random::hold;
use biscuit_auth::format::schema::{Block, SignedBlock};
use ed25519_dalek::SigningKey;
use serde_json::json;

use crate::intern::Table;

/// Where a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// The first block, signed by the root.
    Authority,
    /// After the first, signed by its holder.
    Hop,
    /// After the first, signed by a third party too.
    Approval,
    /// The last of a wire call.
    Call,
}

/// The moment of every run.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).expect("a moment")
}

/// The root of every run.
#[must_use]
pub fn root() -> (SigningKey, Authority) {
    let key = forge::key(201);
    let authority = forge::authority(&key);
    (key, authority)
}

/// The keys of every run: the first holder's, the second's, and an approver's.
#[must_use]
pub fn keys() -> [SigningKey; 3] {
    [forge::key(1), forge::key(2), forge::key(9)]
}

impl BlockKind {
    /// One of the four.
    #[must_use]
    pub const fn of(number: u8) -> Self {
        match number % 4 {
            0 => Self::Authority,
            1 => Self::Hop,
            2 => Self::Approval,
            _ => Self::Call,
        }
    }

    /// The blocks before it.
    #[must_use]
    pub fn before(self) -> &'static [SignedBlock] {
        match self {
            Self::Authority => &[],
            _ => base(),
        }
    }

    /// The strings that it can refer to.
    #[must_use]
    pub fn table(self) -> Table {
        match self {
            // A third party's block has strings of its own.
            Self::Authority | Self::Approval => Table::default(),
            Self::Hop | Self::Call => Table::of(base()),
        }
    }

    /// The chain that ends in `block`, and the key that it names.
    #[must_use]
    pub fn signed(self, block: Vec<u8>) -> (Vec<SignedBlock>, SigningKey) {
        let [first, second, approver] = keys();
        let mut blocks = self.before().to_vec();
        let (signed, holder) = match self {
            Self::Authority => (forge::sign(&[], block, &root().0, &first), first),
            Self::Approval => {
                let signed = forge::sign_external(&blocks, block, &approver, &first, &second);
                (signed, second)
            }
            Self::Hop | Self::Call => (forge::sign(&blocks, block, &first, &second), second),
        };
        blocks.push(signed);
        (blocks, holder)
    }
}

/// An authority block that leaves leave to spawn, and asks an approval for one of its grants.
fn base() -> &'static [SignedBlock] {
    static BASE: OnceLock<Vec<SignedBlock>> = OnceLock::new();
    BASE.get_or_init(|| {
        let scope = Scope::new()
            .grant(
                Grant::new("fs.read")
                    .arg("path", path_under("/srv"))
                    .arg("a", any()),
            )
            .grant(Grant::new("pay").arg("n", at_most(5)))
            .grant(
                Grant::new("pay")
                    .arg("n", at_most(50))
                    .approved_by([approver()]),
            )
            .grant(Grant::spawn(["agent"]))
            .budget(Budget::new("calls", 9).shared("m"))
            .audience("x")
            .expires_in(hours(1));
        let chain = mint(&scope);
        // The lineage is random; here it is the same in every run.
        let mut block = forge::block(&forge::blocks(&forge::parts(&chain.to_bytes()))[0]);
        still(&mut block);
        let bytes = prost::Message::encode_to_vec(&block);
        vec![forge::sign(&[], bytes, &root().0, &keys()[0])]
    })
}

fn approver() -> bailiwick::capability::PublicKey {
    forge::agent(&keys()[2]).public()
}

fn mint(scope: &Scope) -> Chain {
    let to = forge::agent(&keys()[0]).public();
    let mandate = Mandate {
        principal: Some("ann".to_owned()),
        ..Mandate::default()
    };
    root()
        .1
        .mint(scope, &mandate, to, now())
        .expect("an honest scope")
}

/// Takes the randomness out of an honest block: 16 bytes are a lineage, an id, or a nonce.
pub fn still(block: &mut Block) {
    use biscuit_auth::format::schema::term::Content;
    let facts = block.facts.iter_mut().map(|fact| &mut fact.predicate);
    let queries = block.checks.iter_mut().flat_map(|check| &mut check.queries);
    let bodies = queries.flat_map(|query| &mut query.body);
    for term in facts
        .chain(bodies)
        .flat_map(|predicate| &mut predicate.terms)
    {
        if let Some(Content::Bytes(bytes)) = &mut term.content
            && bytes.len() == 16
        {
            bytes.fill(7);
        }
    }
}

/// Honest blocks of every shape, each with its place: the start of a corpus, and pieces to build
/// others from.
#[must_use]
pub fn honest() -> &'static [(BlockKind, Block)] {
    static BLOCKS: OnceLock<Vec<(BlockKind, Block)>> = OnceLock::new();
    BLOCKS.get_or_init(|| {
        let mut blocks = Vec::new();
        let [first, second, approver] = keys();
        let ring = KeyRing::new([root().1.root()]);
        let parent = ring
            .chain(&forge::bytes(&forge::token(base())))
            .expect("the base is a chain");
        let held = hold(&parent, &first);
        let to = forge::agent(&second).public();
        let mut keep = |place: BlockKind, bytes: &[u8]| {
            let all = forge::blocks(&forge::parts(bytes));
            let mut block = forge::block(all.last().expect("a block"));
            still(&mut block);
            blocks.push((place, block));
        };
        for scope in scopes() {
            keep(BlockKind::Authority, &mint(&scope).to_bytes());
            let hop = held
                .danger_append("agent", &scope, to, now())
                .expect("an honest scope");
            keep(BlockKind::Hop, &hop.to_bytes());
        }
        let inherits = Scope::inherit().expires_in(hours(1));
        let hop = held
            .danger_append("agent", &inherits, to, now())
            .expect("an honest scope");
        keep(BlockKind::Hop, &hop.to_bytes());
        let args = json!({ "n": 20 }).as_object().cloned().unwrap_or_default();
        let call = Call::with_nonce("pay", args, CallNonce([7; 16])).expect("an honest call");
        let mut facts = Facts::at(now());
        facts.audience = Some("x".to_owned());
        let request = held.approval_request(&call, &facts);
        let later = now().saturating_add(hours(1));
        let approval = request.approve(&forge::agent(&approver), later);
        let approved = held.with_approval(&approval).expect("an honest approval");
        keep(BlockKind::Approval, &approved.chain().to_bytes());
        let life = std::time::Duration::from_secs(30);
        let wire = held.wire_call(&call, &facts, life).expect("an honest call");
        keep(BlockKind::Call, &wire);
        blocks
    })
}

/// A scope for every constraint and every caveat.
fn scopes() -> Vec<Scope> {
    let hash = Atom::of(&json!([1, "x"])).expect("an atom");
    let constraints = [
        eq("a\"b"),
        eq(true),
        eq(hash.clone()),
        one_of(["x", "y"]),
        one_of([Decimal::from_micros(1), Decimal::from_micros(-7_500_000)]),
        prefix(["a", "b"]),
        range(-1, 1),
        at_least(3),
        subset_of([hash]),
        subset_of(["x"]),
        path_under(["/", "/srv/a"]),
        url(UrlPattern::new("https", ["a.org", ".b.org"])
            .ports([443, 8080])
            .paths("/v1")),
        host(["a.org", ".b.org"]),
        cidr(["10.0.0.0/8".parse().expect("a network")]),
        cidr([
            "2001:db8::/32".parse().expect("one"),
            "::1".parse().expect("one"),
        ]),
        matches(["a|b", "[a-z]+"]),
    ];
    let mut all: Vec<Scope> = constraints
        .chunks(4)
        .map(|some| {
            let grant = some
                .iter()
                .enumerate()
                .fold(Grant::new("fs.read"), |grant, (n, one)| {
                    grant.arg(format!("a{n}"), one.clone())
                });
            Scope::new().grant(grant).expires_in(hours(1))
        })
        .collect();
    let other = forge::agent(&forge::key(10)).public();
    all.push(
        Scope::new()
            .grant(
                Grant::new("pay")
                    .arg("n", at_most(3))
                    .approved_by([approver(), other]),
            )
            .grant(Grant::spawn(["agent"]))
            .not_before(now())
            .expires_in(hours(1))
            .audience(["x", "y"])
            .task("t")
            .step("s")
            .dataset(["d"])
            .taint(Vec::<String>::new())
            .max_risk(Risk::High)
            .max_sensitivity(Sensitivity::Internal)
            .max_depth(4)
            .budget(Budget::new("calls", 3).shared("m"))
            .quorum(Quorum::new(["pay"], 1, [approver(), other])),
    );
    all.push(Scope::new().expires_in(hours(1)));
    all
}
