//! What lies in files: backups, checkpoints and their keys, the keystore, stored snapshots.

use countersign_control_plane::backup;
use countersign_control_plane::keystore::Keystore;
use countersign_control_plane::log::{
    Checkpoint, CheckpointKey, DataDir, Head, SnapshotStore, Tree, VerifierKey,
};
use proptest::prelude::*;

use crate::cases;
use crate::edits::{changed, edits};
use crate::samples::samples;

fn key() -> CheckpointKey {
    CheckpointKey::derive(&samples().master(), samples().log_id)
}

fn note() -> String {
    let (mut tree, mut head) = (Tree::default(), Head::genesis(samples().log_id));
    for record in &samples().records {
        head = head.then(record);
        tree.push(head.hash);
    }
    key().sign(head, tree.root())
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn a_backup_that_was_changed_is_refused(edits in edits(3)) {
        let good = &samples().backup;
        let bytes = changed(good, &edits);
        let is_same = bytes == *good;
        prop_assert_eq!(backup::verify(bytes.as_slice(), None, vec![]).is_ok(), is_same);
        if let Ok((log_id, _)) = backup::log_id_of(bytes.as_slice()) {
            prop_assert_eq!(log_id, samples().log_id);
        }
    }

    #[test]
    fn a_checkpoint_that_is_accepted_says_what_it_said(edits in edits(3)) {
        let (key, good) = (key(), note());
        let bytes = changed(good.as_bytes(), &edits);
        let text = String::from_utf8_lossy(&bytes);
        let _ = Checkpoint::unverified(&text);
        if let Ok(checkpoint) = Checkpoint::open(&text, key.verifier()) {
            prop_assert_eq!(checkpoint, Checkpoint::open(&good, key.verifier()).unwrap());
        }
    }

    #[test]
    fn a_public_key_that_is_accepted_is_written_again_as_it_is(edits in edits(3)) {
        let bytes = changed(key().verifier().to_string().as_bytes(), &edits);
        if let Ok(key) = String::from_utf8_lossy(&bytes).parse::<VerifierKey>() {
            prop_assert_eq!(key.to_string().parse::<VerifierKey>().unwrap(), key);
        }
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_keystore_that_was_changed_is_refused_or_ends_earlier(
        edits in edits(2), is_keyring: bool,
    ) {
        let samples = samples();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keystore");
        let (mut keystore, mut keyring) = (samples.keystore.clone(), samples.keyring.clone());
        let file = if is_keyring { &mut keyring } else { &mut keystore };
        *file = changed(file, &edits);
        std::fs::write(&path, keystore).unwrap();
        std::fs::write(path.with_file_name("keyring"), &keyring).unwrap();
        if Keystore::open(&path, &samples.master(), samples.log_id).is_ok() {
            // A torn append is cut off; nothing else is taken for a keystore.
            let kept = std::fs::read(&path).unwrap();
            prop_assert!(samples.keystore.starts_with(&kept), "{} bytes", kept.len());
            prop_assert_eq!(keyring, samples.keyring.as_slice());
        }
    }

    #[test]
    fn a_stored_snapshot_that_was_changed_is_passed_over(edits in edits(3)) {
        let directory = tempfile::tempdir().unwrap();
        let dir = DataDir::open(directory.path(), samples().log_id).unwrap();
        let (store, head) = (SnapshotStore::of(&dir), Head::genesis(samples().log_id));
        store.save(7, head.hash, b"a state").unwrap();
        let path = directory.path().join(format!("snapshots/{:020}.snapshot", 7));
        let good = std::fs::read(&path).unwrap();
        let bytes = changed(&good, &edits);
        std::fs::write(&path, &bytes).unwrap();
        let loaded = store.load_newest(9, |_| Some(head.hash));
        prop_assert_eq!(loaded.is_some(), bytes == good);
    }
}
