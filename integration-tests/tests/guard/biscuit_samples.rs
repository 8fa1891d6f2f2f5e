//! Biscuit's own published samples, as the crate `biscuit-auth` ships them: no sample is in our profile,
//! and each is refused for its form, with its root trusted, with its payload version mended and
//! without its secret.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::path::PathBuf;
use std::process::Command;

use bailiwick::capability::{KeyRing, Kind, PublicKey, Refusal};
use bailiwick_integration_tests::forge;
use biscuit_auth::Biscuit;
use biscuit_auth::builder::Algorithm;
use biscuit_auth::format::schema;
use serde_json::Value;

/// The samples' folder: beside the manifest of the version that this workspace builds with.
fn folder() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let biscuit = packages
        .iter()
        .find(|package| package["name"] == "biscuit-auth")
        .expect("the workspace builds biscuit-auth");
    let manifest = PathBuf::from(biscuit["manifest_path"].as_str().unwrap());
    manifest.with_file_name("samples")
}

struct Samples {
    root: PublicKey,
    /// File and bytes.
    tokens: Vec<(String, Vec<u8>)>,
}

fn samples() -> Samples {
    let folder = folder();
    let index = std::fs::read(folder.join("samples.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let root = index["root_public_key"].as_str().unwrap();
    let files = index["testcases"].as_array().unwrap().iter();
    let tokens = files.map(|case| {
        let file = case["filename"].as_str().unwrap().to_owned();
        let bytes = std::fs::read(folder.join(&file)).unwrap();
        (file, bytes)
    });
    Samples {
        root: format!("ed25519/{root}").parse().unwrap(),
        tokens: tokens.collect(),
    }
}

fn refused(ring: &KeyRing, bytes: &[u8], file: &str) -> [Refusal; 2] {
    [
        ring.chain(bytes).expect_err(file),
        ring.wire_call(bytes).expect_err(file),
    ]
}

/// Whether the stock library finds the signatures good.
fn stock(root: &PublicKey, bytes: &[u8]) -> bool {
    let root = biscuit_auth::PublicKey::from_bytes(root.as_bytes(), Algorithm::Ed25519).unwrap();
    Biscuit::from(bytes, root).is_ok()
}

#[test]
fn every_sample_is_refused_though_its_root_is_trusted() {
    let samples = samples();
    assert!(samples.tokens.len() >= 38, "{}", samples.tokens.len());
    let ring = KeyRing::new([samples.root]);
    let (mut old, mut other, mut bearer, mut signed) = (0, 0, 0, 0);
    for (file, bytes) in &samples.tokens {
        let [chain, wire] = refused(&ring, bytes, file);
        let raw = forge::parts(bytes);
        let version_1 = forge::blocks(&raw)
            .iter()
            .all(|block| block.version == Some(1));
        if !version_1 {
            old += 1;
            assert_eq!(
                (chain.kind(), wire.kind()),
                (Kind::Malformed, Kind::Malformed),
                "{file}"
            );
            assert!(
                chain.detail().contains("payload version 1"),
                "{file}: {chain}"
            );
            continue;
        }
        let ours = |block: &schema::SignedBlock| block.next_key.algorithm == 0;
        if !forge::blocks(&raw).iter().all(ours) {
            other += 1;
            assert_eq!(
                (chain.kind(), wire.kind()),
                (Kind::Malformed, Kind::Malformed),
                "{file}"
            );
            assert!(chain.detail().contains("not Ed25519"), "{file}: {chain}");
            continue;
        }
        bearer += 1;
        assert_eq!(
            (chain.kind(), wire.kind()),
            (Kind::NotHolder, Kind::NotHolder),
            "{file}"
        );
        // Without its secret the signatures are looked at, and then what the blocks say.
        let mut open = raw;
        open.proof.content = None;
        let [chain, _] = refused(&ring, &forge::bytes(&open), file);
        let holds = chain.detail().starts_with("block ");
        assert_eq!(holds, stock(&samples.root, bytes), "{file}: {chain}");
        assert_eq!(chain.kind(), Kind::Malformed, "{file}: {chain}");
        signed += u32::from(holds);
    }
    // The samples of Datalog 3.3 are signed with version 1, those before it with version 0.
    assert!(old >= 25 && other >= 1, "{old} {other}");
    assert!(bearer >= 8 && signed == bearer, "{bearer} {signed}");
}

#[test]
fn every_sample_is_refused_for_its_form_when_we_sign_it_ourselves() {
    let samples = samples();
    let root = forge::key(200);
    let ring = KeyRing::new([forge::agent(&root).public()]);
    for (file, bytes) in &samples.tokens {
        let theirs = forge::blocks(&forge::parts(bytes));
        // Sign as a holder of our profile would: what is left is the blocks' own content.
        let mut blocks: Vec<schema::SignedBlock> = Vec::new();
        let mut signer = root.clone();
        for (index, block) in theirs.iter().enumerate() {
            let next = forge::key(u8::try_from(index + 1).unwrap());
            let bytes = block.block.clone();
            blocks.push(match &block.external_signature {
                None => forge::sign(&blocks, bytes, &signer, &next),
                Some(_) => forge::sign_external(&blocks, bytes, &forge::key(100), &signer, &next),
            });
            signer = next;
        }
        let mut token = forge::token(&blocks);
        let chain = ring.chain(&forge::bytes(&token)).expect_err(file);
        forge::seal(&mut token, &signer);
        let wire = ring.wire_call(&forge::bytes(&token)).expect_err(file);
        for refusal in [chain, wire] {
            assert_eq!(refusal.kind(), Kind::Malformed, "{file}: {refusal}");
            assert!(
                refusal.detail().starts_with("block 0: "),
                "{file}: {refusal}"
            );
        }
    }
}

#[test]
fn no_sample_block_is_taken_for_one_of_ours_anywhere_in_a_chain() {
    use bailiwick::capability::{Authority, Grant, Mandate, Scope};
    let samples = samples();
    let (root, holder) = (Authority::generate(), forge::key(1));
    let ring = KeyRing::new([root.root()]);
    let scope = Scope::new()
        .grant(Grant::new("read"))
        .grant(Grant::spawn(["a"]));
    let now = bailiwick::id::Timestamp::from_secs(1_800_000_000).unwrap();
    let to = forge::agent(&holder).public();
    let genuine = root.mint(&scope, &Mandate::default(), to, now).unwrap();
    let start = forge::blocks(&forge::parts(&genuine.to_bytes()));
    let mut tried = 0;
    for (file, bytes) in &samples.tokens {
        for block in forge::blocks(&forge::parts(bytes)) {
            let first = forge::sign(&start, block.block.clone(), &holder, &forge::key(2));
            let third = forge::sign_external(
                &start,
                block.block.clone(),
                &forge::key(3),
                &holder,
                &forge::key(2),
            );
            for appended in [first, third] {
                let token = forge::token(&[start[0].clone(), appended]);
                let refusal = ring.chain(&forge::bytes(&token)).expect_err(file);
                assert_eq!(refusal.kind(), Kind::Malformed, "{file}: {refusal}");
                assert!(
                    refusal.detail().starts_with("block 1: "),
                    "{file}: {refusal}"
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
}
