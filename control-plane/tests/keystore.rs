//! The keystore on a real disk: what it gives back, and what it refuses.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use countersign_control_plane::keystore::{
    Keystore, KeystoreError, MasterKey, MasterKeyError, UnsealError,
};
use countersign_shared::id::{KeyId, LogId, SecretId};
use countersign_shared::secret::Secret;

const LOG: LogId = LogId::from_bytes([1; 16]);
const KEY: KeyId = KeyId::from_bytes([2; 16]);
/// The header is a slot, and so is each data key.
const SLOT_BYTES: usize = 128;

fn master() -> MasterKey {
    MasterKey::from_bytes([3; 32])
}

fn secret_id(number: u8) -> SecretId {
    SecretId::from_bytes([number; 16])
}

fn open(path: &Path) -> Keystore {
    Keystore::open(path, &master(), LOG).unwrap()
}

fn refused(path: &Path) -> KeystoreError {
    Keystore::open(path, &master(), LOG).unwrap_err()
}

/// A keystore with the secrets 1 (first append), 2 and 3 (second append), and their ciphertexts.
fn filled(directory: &Path) -> (PathBuf, Vec<Vec<u8>>) {
    let path = directory.join("keystore");
    let mut keystore = open(&path);
    let sealed: Vec<_> = (1..=3)
        .map(|number| {
            let secret = Secret::new(format!("secret number {number}"));
            keystore.sealer().seal(KEY, secret_id(number), &secret).unwrap()
        })
        .collect();
    keystore.put(&[sealed[0].data_key.clone()]).unwrap();
    keystore.put(&[sealed[1].data_key.clone(), sealed[2].data_key.clone()]).unwrap();
    (path, sealed.into_iter().map(|sealed| sealed.ciphertext).collect())
}

/// Stores one more secret and reads it back after a restart.
fn append_and_reopen(path: &Path) {
    let mut keystore = open(path);
    let secret = Secret::new("one more".into());
    let sealed = keystore.sealer().seal(KEY, secret_id(7), &secret).unwrap();
    keystore.put(&[sealed.data_key]).unwrap();
    let read = open(path).sealer().unseal(KEY, secret_id(7), &sealed.ciphertext).unwrap();
    assert_eq!(read, secret);
}

#[test]
fn a_secret_comes_back_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (path, ciphertexts) = filled(directory.path());
    let sealer = open(&path).sealer();
    for (number, ciphertext) in (1..).zip(&ciphertexts) {
        let secret = sealer.unseal(KEY, secret_id(number), ciphertext).unwrap();
        assert_eq!(secret.expose(), format!("secret number {number}"));
    }
    assert!(sealer.contains(secret_id(3)));
    assert!(!sealer.contains(secret_id(4)));
    append_and_reopen(&path);
}

#[test]
fn a_data_key_counts_only_when_it_is_put() {
    let directory = tempfile::tempdir().unwrap();
    let mut keystore = open(&directory.path().join("keystore"));
    let sealer = keystore.sealer();
    let sealed = sealer.seal(KEY, secret_id(1), &Secret::new("signature_secret".into())).unwrap();
    assert!(matches!(
        sealer.unseal(KEY, secret_id(1), &sealed.ciphertext),
        Err(UnsealError::NoDataKey(id)) if id == secret_id(1)
    ));
    keystore.put(&[sealed.data_key]).unwrap();
    let reader =
        std::thread::spawn(move || sealer.unseal(KEY, secret_id(1), &sealed.ciphertext).unwrap());
    assert_eq!(reader.join().unwrap().expose(), "signature_secret");
}

#[test]
fn a_ciphertext_opens_only_where_it_belongs() {
    let directory = tempfile::tempdir().unwrap();
    let (path, ciphertexts) = filled(directory.path());
    let sealer = open(&path).sealer();
    let damaged = |result| matches!(result, Err(UnsealError::Damaged(_)));
    let ciphertext = &ciphertexts[0];
    assert!(damaged(sealer.unseal(KeyId::from_bytes([9; 16]), secret_id(1), ciphertext)));
    assert!(damaged(sealer.unseal(KEY, secret_id(2), ciphertext)));
    for length in 0..ciphertext.len() {
        assert!(damaged(sealer.unseal(KEY, secret_id(1), &ciphertext[..length])));
    }
    for at in 0..ciphertext.len() {
        let mut flipped = ciphertext.clone();
        flipped[at] ^= 0x10;
        assert!(damaged(sealer.unseal(KEY, secret_id(1), &flipped)));
    }
}

#[test]
fn a_secret_is_neither_on_disk_nor_printed() {
    let directory = tempfile::tempdir().unwrap();
    let (path, ciphertexts) = filled(directory.path());
    let plain = b"secret number 1";
    for bytes in [&fs::read(&path).unwrap(), &ciphertexts[0]] {
        assert!(!bytes.windows(plain.len()).any(|window| window == plain));
    }
    let keystore = open(&path);
    let sealer = keystore.sealer();
    let sealed = sealer.seal(KEY, secret_id(1), &Secret::new("hunter2hunter2".into())).unwrap();
    let printed = format!("{:?} {keystore:?} {sealer:?} {:?}", sealed.data_key, master());
    for telling in ["hunter2", "3, 3, 3", "0303"] {
        assert!(!printed.contains(telling), "{printed}");
    }
}

#[test]
fn a_wrong_master_key_and_a_foreign_keystore_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _) = filled(directory.path());
    let wrong = Keystore::open(&path, &MasterKey::from_bytes([4; 32]), LOG).unwrap_err();
    assert!(matches!(wrong, KeystoreError::WrongMasterKey(_)), "{wrong}");
    let foreign = Keystore::open(&path, &master(), LogId::from_bytes([8; 16])).unwrap_err();
    assert!(matches!(foreign, KeystoreError::Foreign { found: LOG, .. }), "{foreign}");
}

#[test]
fn every_flipped_byte_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _) = filled(directory.path());
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x01;
        fs::write(&path, bytes).unwrap();
        let error = refused(&path);
        let place = at / SLOT_BYTES * SLOT_BYTES;
        assert!(
            matches!(error, KeystoreError::Corrupt { offset, .. } if offset == place),
            "byte {at}: {error}"
        );
    }
}

#[test]
fn an_append_that_a_crash_tore_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _) = filled(directory.path());
    let good = fs::read(&path).unwrap();
    for length in 2 * SLOT_BYTES..good.len() {
        // A kill leaves the file short; a loss of power may leave it long, but not written.
        let short = good[..length].to_vec();
        let mut unwritten = good[..length / SLOT_BYTES * SLOT_BYTES].to_vec();
        unwritten.resize(good.len(), 0);
        for torn in [short, unwritten] {
            fs::write(&path, torn).unwrap();
            let sealer = open(&path).sealer();
            assert!(sealer.contains(secret_id(1)));
            assert_eq!(sealer.contains(secret_id(2)), length >= 3 * SLOT_BYTES);
            assert!(!sealer.contains(secret_id(3)));
            append_and_reopen(&path);
        }
    }
}

#[test]
fn slots_of_a_torn_append_may_reach_the_disk_in_any_order() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _) = filled(directory.path());
    let mut torn = fs::read(&path).unwrap();
    torn[2 * SLOT_BYTES..3 * SLOT_BYTES].fill(0);
    fs::write(&path, torn).unwrap();
    let sealer = open(&path).sealer();
    assert!(sealer.contains(secret_id(1)));
    assert!(!sealer.contains(secret_id(3)));
    append_and_reopen(&path);
}

#[test]
fn a_slot_lost_before_a_later_append_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _) = filled(directory.path());
    append_and_reopen(&path);
    let mut damaged = fs::read(&path).unwrap();
    damaged[2 * SLOT_BYTES..3 * SLOT_BYTES].fill(0);
    fs::write(&path, damaged).unwrap();
    let error = refused(&path);
    assert!(matches!(error, KeystoreError::Corrupt { offset: 512, .. }), "{error}");
}

#[test]
fn slots_that_change_places_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _) = filled(directory.path());
    let mut bytes = fs::read(&path).unwrap();
    let (before, after) = bytes.split_at_mut(2 * SLOT_BYTES);
    before[SLOT_BYTES..].swap_with_slice(&mut after[..SLOT_BYTES]);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(refused(&path), KeystoreError::Corrupt { offset: SLOT_BYTES, .. }));
}

#[test]
fn the_format_is_pinned() {
    let mut golden = include_str!("keystore_golden.txt")
        .lines()
        .map(|line| data_encoding::HEXLOWER.decode(line.as_bytes()).unwrap());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keystore");
    fs::write(&path, golden.next().unwrap()).unwrap();
    let ciphertext = golden.next().unwrap();
    let secret = open(&path).sealer().unseal(KEY, secret_id(1), &ciphertext).unwrap();
    assert_eq!(secret.expose(), "secret number 1");
}

#[test]
fn a_master_key_is_made_once_and_only_its_owner_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    assert!(matches!(MasterKey::load(&path), Err(MasterKeyError::Missing(_))));
    MasterKey::load_or_create(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.len(), 65);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    MasterKey::load_or_create(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = MasterKey::load(&path).unwrap_err().to_string();
    assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
}

#[test]
fn what_is_not_64_hex_digits_is_no_master_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    for text in ["", "zz", &"0".repeat(63), &"g".repeat(64), &"0".repeat(66), &"0".repeat(5000)] {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(MasterKey::load(&path), Err(MasterKeyError::Malformed(_))), "{text}");
    }
}
