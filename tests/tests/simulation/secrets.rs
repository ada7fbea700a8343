//! All secrets that a run may use, sealed once for all runs: sealing is random, and nothing that
//! a run does may depend on it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use countersign_control_plane::keystore::{DataKey, Keystore, MasterKey};
use countersign_shared::id::{KeyId, LogId, SecretId};
use countersign_shared::key::SealedSecret;
use countersign_shared::secret::{Fingerprint, Secret};

/// The log that all begins with, and one that has nothing to do with it.
pub(crate) const HOME: LogId = LogId::from_bytes([1; 16]);
pub(crate) const FOREIGN: LogId = LogId::from_bytes([2; 16]);
pub(crate) const KEYS: u8 = 4;
/// How often a key of the same name can be made.
pub(crate) const GENERATIONS: u8 = 2;
pub(crate) const VERSIONS: u8 = 3;

/// By log, key and version.
type All = BTreeMap<(LogId, KeyId, u8), (SealedSecret, DataKey)>;

static ALL: LazyLock<All> = LazyLock::new(seal_all);
static TEXTS: LazyLock<BTreeMap<Fingerprint, String>> = LazyLock::new(|| {
    let texts = every().map(|(key, version)| text(key, version));
    texts.map(|text| (Secret::new(text.clone()).fingerprint(), text)).collect()
});

pub(crate) fn key_id(key: u8, generation: u8) -> KeyId {
    let mut id = [0; 16];
    (id[0], id[1]) = (key, generation);
    KeyId::from_bytes(id)
}

pub(crate) fn sealed(log: LogId, key: KeyId, version: u8) -> (SealedSecret, DataKey) {
    ALL[&(log, key, version)].clone()
}

/// The secret behind a fingerprint.
pub(crate) fn secret(fingerprint: Fingerprint) -> Secret {
    Secret::new(TEXTS[&fingerprint].clone())
}

/// A keystore as a restart finds it: what was put is never lost.
pub(crate) fn keystore(log: LogId) -> Keystore {
    let mut keystore = Keystore::in_memory(&MasterKey::from_bytes([7; 32]), log).unwrap();
    let put: Vec<DataKey> = ALL
        .iter()
        .filter(|((of, ..), _)| *of == log)
        .map(|(_, (_, data_key))| data_key.clone())
        .collect();
    keystore.put(&put).unwrap();
    keystore
}

fn seal_all() -> All {
    let mut all = BTreeMap::new();
    for log in [HOME, FOREIGN] {
        let master = MasterKey::from_bytes([7; 32]);
        let sealer = Keystore::in_memory(&master, log).unwrap().sealer();
        for (key, version) in every() {
            let mut id = *key.as_bytes();
            id[2] = version;
            let secret_id = SecretId::from_bytes(id);
            let secret = Secret::new(text(key, version));
            let made = sealer.seal(key, secret_id, &secret).unwrap();
            let sealed = SealedSecret {
                secret_id,
                fingerprint: secret.fingerprint(),
                ciphertext: Arc::from(made.ciphertext),
                generated: false,
            };
            all.insert((log, key, version), (sealed, made.data_key));
        }
    }
    all
}

fn every() -> impl Iterator<Item = (KeyId, u8)> {
    let keys = (0..KEYS).flat_map(|key| (0..GENERATIONS).map(move |g| key_id(key, g)));
    keys.flat_map(|key| (0..VERSIONS).map(move |version| (key, version)))
}

fn text(key: KeyId, version: u8) -> String {
    let [number, generation, ..] = key.as_bytes();
    format!("secret-of-key-{number}-{generation}-version-{version}")
}
