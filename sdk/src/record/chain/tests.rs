use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use super::*;
use crate::store::{Batch, MemoryStore, Store};

fn audit() -> LogName {
    LogName::of(["audit"])
}

/// A log as an honest store writes it.
async fn log(bodies: impl IntoIterator<Item = u32>) -> Vec<Entry> {
    let store = MemoryStore::new();
    let batch = bodies.into_iter().fold(Batch::new(), |batch, n| {
        batch.append(audit(), n.to_string())
    });
    store.commit(batch).await.unwrap();
    store.log(&audit(), 0, usize::MAX).await.unwrap()
}

/// The entries with new numbers and links, as one who can write the store would make them.
fn relink(entries: &[Entry]) -> Vec<Entry> {
    let mut head = Head::empty(&audit());
    let relinked = entries.iter().map(|entry| {
        let entry = head.then(entry.body.clone()).unwrap();
        head = Head::from(&entry);
        entry
    });
    relinked.collect()
}

fn signer() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn trusted() -> [PublicKeyBytes; 1] {
    [signer().verifying_key().to_bytes()]
}

fn sign(by: &SigningKey, log: LogName, head: Head) -> Checkpoint {
    let key = by.verifying_key().to_bytes();
    let time = Timestamp::from_secs(1_000).unwrap();
    Checkpoint::sign(log, head, time, key, |bytes| by.sign(bytes).to_bytes())
}

fn checkpoint(entry: &Entry) -> Checkpoint {
    sign(&signer(), audit(), Head::from(entry))
}

fn check(key: &PublicKeyBytes, bytes: &[u8], signature: &SignatureBytes) -> bool {
    let signature = Signature::from_bytes(signature);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(bytes, &signature).is_ok())
}

fn links(entries: &[Entry]) -> Result<u64, (u64, Fault)> {
    verify_links(&audit(), Head::empty(&audit()), entries)
        .map(|head| head.seq)
        .map_err(|broken| (broken.seq(), broken.what()))
}

fn whole(entries: &[Entry], checkpoints: &[Checkpoint]) -> Result<u64, (u64, Fault)> {
    verify(&audit(), entries, checkpoints, &trusted(), check)
        .map(|verified| verified.uncovered())
        .map_err(|broken| (broken.seq(), broken.what()))
}

#[tokio::test]
async fn an_honest_log_is_whole() {
    let entries = log(1..=5).await;
    assert_eq!(links(&entries), Ok(5));
    assert_eq!(links(&[]), Ok(0));
    let first = verify_links(&audit(), Head::empty(&audit()), &entries[..2]).unwrap();
    let second = verify_links(&audit(), first, &entries[2..]).unwrap();
    assert_eq!(second, Head::from(&entries[4]));

    let start = sign(&signer(), audit(), Head::empty(&audit()));
    let pins = [checkpoint(&entries[3]), start, checkpoint(&entries[1])];
    assert_eq!(whole(&entries, &pins), Ok(1));
    assert_eq!(whole(&entries, &[]), Ok(5));
    let again = [pins[0].clone(), pins[0].clone()];
    assert_eq!(whole(&entries, &again), Ok(1));
}

#[tokio::test]
async fn removal_shows() {
    let entries = log(1..=5).await;
    for gone in 0..4 {
        let mut fewer = entries.clone();
        fewer.remove(gone);
        let seq = gone as u64 + 1;
        assert_eq!(links(&fewer), Err((seq, Fault::Missing)));
        // Renumbered, but with the links that were there.
        for (entry, seq) in fewer.iter_mut().zip(1..) {
            entry.seq = seq;
        }
        assert_eq!(links(&fewer), Err((seq, Fault::Altered)));
    }
}

#[tokio::test]
async fn reordering_shows() {
    let mut entries = log(1..=5).await;
    entries.swap(1, 2);
    assert_eq!(links(&entries), Err((2, Fault::Missing)));
    let (second, third) = (entries[1].seq, entries[2].seq);
    (entries[1].seq, entries[2].seq) = (third, second);
    assert_eq!(links(&entries), Err((2, Fault::Altered)));
    let mut bodies = log(1..=5).await;
    bodies[1].body = "3".into();
    bodies[2].body = "2".into();
    assert_eq!(links(&bodies), Err((2, Fault::Altered)));
}

#[tokio::test]
async fn an_edit_shows() {
    let entries = log(1..=5).await;
    for n in 0..5 {
        let seq = n as u64 + 1;
        let mut edited = entries.clone();
        edited[n].body = "9".into();
        assert_eq!(links(&edited), Err((seq, Fault::Altered)));
        // With the link that the new body has, the next one no longer follows.
        let prev = n.checked_sub(1).map(|prev| entries[prev].link);
        let prev = prev.unwrap_or_else(|| LogLink::start(&audit()));
        edited[n].link = prev.then(seq, "9");
        let next = Err((seq + 1, Fault::Altered));
        assert_eq!(links(&edited), if n < 4 { next } else { Ok(5) });
        // Only a checkpoint shows it in the last entry.
        let pinned = whole(&edited, &[checkpoint(&entries[4])]);
        assert_eq!(pinned, if n < 4 { next } else { Err((5, Fault::Forked)) });
    }
}

#[tokio::test]
async fn an_insertion_shows() {
    let entries = log(1..=5).await;
    let mut more = entries.clone();
    more.insert(2, entries[1].clone());
    assert_eq!(links(&more), Err((3, Fault::OutOfOrder)));
    more[2] = Head::from(&entries[1]).then("9".into()).unwrap();
    assert_eq!(links(&more), Err((4, Fault::OutOfOrder)));
    for (entry, seq) in more.iter_mut().zip(1..) {
        entry.seq = seq;
    }
    assert_eq!(links(&more), Err((4, Fault::Altered)));
}

#[tokio::test]
async fn a_tail_cut_off_shows_behind_a_checkpoint() {
    let entries = log(1..=5).await;
    let pins = [checkpoint(&entries[1]), checkpoint(&entries[4])];
    for left in 2..5 {
        let next = left as u64 + 1;
        let short = &entries[..left];
        assert_eq!(links(short), Ok(left as u64), "links alone do not show it");
        assert_eq!(whole(short, &pins), Err((next, Fault::Truncated)));
        assert_eq!(whole(short, &pins[..1]), Ok(left as u64 - 2));
    }
    assert_eq!(whole(&[], &pins), Err((1, Fault::Truncated)));
}

#[tokio::test]
async fn a_rewritten_log_shows_at_the_next_checkpoint() {
    let entries = log(1..=5).await;
    let pins = [checkpoint(&entries[1]), checkpoint(&entries[3])];
    let mut bodies = entries.clone();
    bodies[2].body = "9".into();
    let forged = relink(&bodies);
    assert_eq!(links(&forged), Ok(5), "links alone do not show it");
    assert_eq!(whole(&forged, &pins), Err((4, Fault::Forked)));
    bodies.remove(2);
    bodies.push(entries[0].clone());
    assert_eq!(whole(&relink(&bodies), &pins), Err((4, Fault::Forked)));
}

#[tokio::test]
async fn two_checkpoints_of_one_place_show_a_fork() {
    let (one, two) = (log([1, 2, 3]).await, log([1, 2, 4]).await);
    let pins = [checkpoint(&one[2]), checkpoint(&two[2])];
    assert_eq!(whole(&one, &pins), Err((3, Fault::Forked)));
    assert_eq!(whole(&two, &pins), Err((3, Fault::Forked)));
    // A fork that grew longer does not fit the checkpoint of the branch before it.
    let longer = log([1, 2, 4, 5]).await;
    let pins = [checkpoint(&one[2]), checkpoint(&longer[3])];
    assert_eq!(whole(&longer, &pins), Err((3, Fault::Forked)));
    assert_eq!(whole(&one, &pins), Err((4, Fault::Truncated)));
}

#[tokio::test]
async fn a_log_cannot_stand_in_for_another() {
    let entries = log(1..=2).await;
    let other = LogName::of(["other"]);
    let head = Head::empty(&other);
    let broken = verify_links(&other, head, &entries).unwrap_err();
    assert_eq!((broken.seq(), broken.what()), (1, Fault::Altered));
    assert_eq!(broken.log(), &other);
    let pin = sign(&signer(), other, Head::from(&entries[1]));
    assert_eq!(whole(&entries, &[pin]), Err((2, Fault::OtherLog)));
}

#[tokio::test]
async fn only_trusted_signatures_over_every_field_count() {
    let entries = log(1..=3).await;
    let stranger = SigningKey::from_bytes(&[8; 32]);
    let pin = sign(&stranger, audit(), Head::from(&entries[2]));
    assert_eq!(whole(&entries, &[pin]), Err((3, Fault::UntrustedKey)));

    let good = checkpoint(&entries[2]);
    let edits: [fn(&mut Checkpoint); 4] = [
        |pin| pin.seq = 2,
        |pin| pin.link = LogLink::from([0; 32]),
        |pin| pin.time = Timestamp::MAX,
        |pin| pin.signature[0] ^= 1,
    ];
    for edit in edits {
        let mut pin = good.clone();
        edit(&mut pin);
        assert_eq!(
            whole(&entries, &[pin.clone()]),
            Err((pin.seq, Fault::BadSignature))
        );
    }
    let mut moved = sign(&signer(), LogName::of(["other"]), Head::from(&entries[2]));
    moved.log = audit();
    assert_eq!(whole(&entries, &[moved]), Err((3, Fault::BadSignature)));
    let mut claimed = sign(&stranger, audit(), Head::from(&entries[2]));
    claimed.key = trusted()[0];
    assert_eq!(whole(&entries, &[claimed]), Err((3, Fault::BadSignature)));
}

#[tokio::test]
async fn a_checkpoint_reads_what_it_writes() {
    let pin = checkpoint(&log(1..=1).await[0]);
    let text = serde_json::to_string(&pin).unwrap();
    assert_eq!(serde_json::from_str::<Checkpoint>(&text).unwrap(), pin);
    let more = text.replacen('{', r#"{"more":1,"#, 1);
    assert!(serde_json::from_str::<Checkpoint>(&more).is_err());
    let upper = text
        .replace("abcdef", "ABCDEF")
        .replacen("\"key\":\"", "\"key\":\"A", 1);
    assert!(serde_json::from_str::<Checkpoint>(&upper).is_err());
    let line = LogName::of(["a\nseq 9"]);
    let payload = sign(&signer(), line, Head::empty(&audit())).payload();
    assert_eq!(payload.iter().filter(|byte| **byte == b'\n').count(), 5);
}

#[test]
fn a_checkpoint_of_version_1_is_read_and_holds() {
    for line in include_str!("../golden/checkpoint-1.jsonl").lines() {
        let pin = Checkpoint::parse(line).unwrap();
        assert!(check(&trusted()[0], &pin.payload(), &pin.signature));
        assert_eq!((pin.log.clone(), pin.seq), (audit(), 3));
        let written = serde_json::to_value(&pin).unwrap();
        assert_eq!(canonical::write(&written), line);
        let with = |member: &str| {
            let text = line.replacen('{', &format!("{{{member},"), 1);
            Checkpoint::parse(&text).unwrap_err().to_string()
        };
        let later = with(r#""version":2"#);
        for part in ["has version `2`", "reads version `1`", "use a build"] {
            assert!(later.contains(part), "{later}");
        }
        assert!(with(r#""stray":1"#).contains("`stray`"));
        assert!(with(r#""seq":3"#).contains("cannot be read"));
    }
}
