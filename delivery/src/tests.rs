//! Given what was sealed, when it is opened as anything else, then it does not open.

use countersign_shared::id::{EnvironmentId, KeyId, SecretId};
use countersign_shared::key::SignatureKeyType;
use countersign_shared::secret::Secret;
use zeroize::Zeroizing;

use super::*;

const HERE: EnvironmentId = EnvironmentId::from_bytes([1; 16]);
const THERE: EnvironmentId = EnvironmentId::from_bytes([2; 16]);
const CANARY: &str = "a_canary_that_never_travels";

fn key(environment: EnvironmentId) -> DeliveryKey {
    DeliveryRoot::new(Zeroizing::new([7; KEY_BYTES])).key_of(environment).unwrap()
}

fn bound() -> Bound<'static> {
    Bound {
        key_id: KeyId::from_bytes([3; 16]),
        key_type: SignatureKeyType::Hmac,
        key: "signature_key1",
        secret_id: SecretId::from_bytes([4; 16]),
        secret_version: 1,
    }
}

fn of() -> HandOver<'static> {
    HandOver { log_id: "log-a", environment: HERE, node: "n1", instance: "i1" }
}

#[test]
fn a_secret_is_sealed_to_the_same_bytes_each_time_and_is_not_in_them() {
    let sealed = key(HERE).seal(&bound(), &Secret::new(CANARY.into())).unwrap();
    assert_eq!(sealed, key(HERE).seal(&bound(), &Secret::new(CANARY.into())).unwrap());
    assert_eq!(sealed.len(), CANARY.len() + 16);
    assert!(!sealed.windows(8).any(|window| CANARY.as_bytes().windows(8).any(|c| c == window)));
    assert!(key(HERE).open(&bound(), &sealed).unwrap() == Secret::new(CANARY.into()));
}

#[test]
fn a_sealed_secret_that_was_moved_or_changed_does_not_open() {
    let sealed = key(HERE).seal(&bound(), &Secret::new(CANARY.into())).unwrap();
    let moved = [
        Bound { key_id: KeyId::from_bytes([9; 16]), ..bound() },
        Bound { key_type: SignatureKeyType::Basic, ..bound() },
        Bound { key: "signature_key2", ..bound() },
        Bound { secret_id: SecretId::from_bytes([9; 16]), ..bound() },
        Bound { secret_version: 2, ..bound() },
    ];
    for bound in moved {
        assert!(key(HERE).open(&bound, &sealed).is_err(), "{bound:?}");
    }
    assert!(key(THERE).open(&bound(), &sealed).is_err(), "of another environment");
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(key(HERE).open(&bound(), &changed).is_err(), "byte {at}");
        assert!(key(HERE).open(&bound(), &sealed[..at]).is_err(), "cut off at {at}");
    }
}

#[test]
fn a_delivery_key_opens_for_the_node_it_is_for_and_for_nobody_else() {
    let (node, other) = (Recipient::generate().unwrap(), Recipient::generate().unwrap());
    let sealed = hand_over(&key(HERE), &of(), node.public_key()).unwrap();
    assert_eq!(node.open(&of(), &sealed).unwrap().bytes(), key(HERE).bytes());
    assert!(other.open(&of(), &sealed).is_err());
    let moved = [
        HandOver { log_id: "log-b", ..of() },
        HandOver { environment: THERE, ..of() },
        HandOver { node: "n2", ..of() },
        HandOver { instance: "i2", ..of() },
        HandOver { node: "n1i", instance: "1", ..of() },
    ];
    for of in moved {
        assert!(node.open(&of, &sealed).is_err(), "{of:?}");
    }
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(node.open(&of(), &changed).is_err(), "byte {at}");
    }
    assert!(node.open(&of(), &sealed[..20]).is_err());
}

#[test]
fn what_is_no_public_key_gets_nothing() {
    for public in [&[][..], &[1; 31], &[0; 32]] {
        assert!(hand_over(&key(HERE), &of(), public).is_err(), "{public:?}");
    }
}

#[test]
fn debug_tells_nothing() {
    let shown = format!("{:?} {:?}", key(HERE), Recipient::generate().unwrap());
    assert_eq!(shown, "DeliveryKey(redacted) Recipient(redacted)");
}
