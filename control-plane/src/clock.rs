//! The only reader of clocks and randomness in the control plane. Everything else takes times,
//! ids and generated texts as arguments.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use countersign_shared::key::{KeyText, SECRET_MARKS, SignatureKeyType};
use countersign_shared::secret::Secret;

/// Milliseconds since 1970 (UTC).
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// 16 bytes for a new id: the time in front, then random bits (UUID v7). Each is greater than the
/// one before, so that ids sort by creation within a millisecond too.
pub(crate) fn new_id() -> [u8; 16] {
    static LAST: Mutex<u128> = Mutex::new(0);
    let random = random();
    let millis = u64::try_from(now_ms()).unwrap_or(0);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().as_u128();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    *last = id.max(*last + 1);
    last.to_be_bytes()
}

/// A generated key: 32 lower-case hex digits, of which a Basic key has a letter first.
pub(crate) fn new_key(key_type: SignatureKeyType) -> String {
    loop {
        let key = data_encoding::HEXLOWER.encode(&random::<16>());
        if KeyText::parse(key_type, &key).is_ok() {
            return key;
        }
    }
}

/// A generated secret: 64 characters of the set, the first a letter or digit.
pub(crate) fn new_secret() -> Secret {
    let alphanumeric = ('A'..='Z').chain('a'..='z').chain('0'..='9');
    let set: Vec<char> = alphanumeric.chain(SECRET_MARKS.chars()).collect();
    let pick = |among: usize| loop {
        // Reject the uneven rest of a byte's range, so that every character is equally likely.
        let [byte] = random::<1>();
        let even = 256 - 256 % among;
        if usize::from(byte) < even {
            break set.get(usize::from(byte) % among).copied().unwrap_or('A');
        }
    };
    let first = pick(62);
    Secret::new(std::iter::once(first).chain((1..64).map(|_| pick(set.len()))).collect())
}

/// A token for a node: 256 random bits, behind what scanners of sources know it by.
pub(crate) fn random_bytes() -> [u8; 32] {
    random()
}

pub(crate) fn new_token() -> String {
    format!("csnt_{}", data_encoding::BASE64URL_NOPAD.encode(&random::<32>()))
}

#[expect(clippy::expect_used, reason = "without the system's random source nothing here may go on")]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system's random source");
    bytes
}

#[cfg(test)]
mod tests {
    use countersign_shared::key::{KeyText, SignatureKeyType, check_secret};

    #[test]
    fn ids_sort_by_creation() {
        let ids: Vec<[u8; 16]> = (0..1_000).map(|_| super::new_id()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn what_is_generated_is_what_is_taken() {
        for _ in 0..200 {
            let secret = super::new_secret();
            assert_eq!(secret.expose().len(), 64);
            check_secret(SignatureKeyType::Hmac, secret.expose()).unwrap();
            for key_type in [SignatureKeyType::Hmac, SignatureKeyType::Basic] {
                KeyText::parse(key_type, &super::new_key(key_type)).unwrap();
            }
        }
    }
}
