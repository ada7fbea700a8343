use countersign_control_plane::command::Command;
use countersign_control_plane::rejection::Rejection;
use countersign_shared::event::Event;
use countersign_shared::id::KeyId;
use countersign_shared::key::{KeyText, SecretVersion, SignatureKeyType};
use countersign_shared::text::KeyName;

use crate::scenario::{Scenario, bytes, create_key, reference, secret};

fn delete(key: &str, force: bool) -> Command {
    Command::DeleteKey { key: reference(key), force }
}

fn rename(key: &str, name: &str) -> Command {
    Command::RenameKey { key: reference(key), name: Some(KeyName::parse(name).unwrap()) }
}

#[test]
fn name_and_key_are_unique() {
    let scenario = Scenario::new().given(create_key(1, "first", SignatureKeyType::Hmac));
    scenario
        .when(&create_key(2, "first", SignatureKeyType::Basic))
        .then_rejected(&Rejection::NameTaken { kind: "signature key", name: "first".into() });
    let mut same_key = create_key(2, "second", SignatureKeyType::Hmac);
    if let Command::CreateKey { key, .. } = &mut same_key {
        *key = KeyText::parse(SignatureKeyType::Hmac, "first_key_text").unwrap();
    }
    scenario
        .when(&same_key)
        .then_rejected(&Rejection::KeyTaken { key: "first_key_text".into(), name: "first".into() });
}

#[test]
fn the_quota_of_keys_is_a_limit_of_the_configuration() {
    let scenario = Scenario::new().limited(|limits| limits.keys_max = 1).given(create_key(
        1,
        "first",
        SignatureKeyType::Hmac,
    ));
    scenario
        .when(&create_key(2, "second", SignatureKeyType::Hmac))
        .then_rejected(&Rejection::QuotaExceeded { what: "signature keys", limit: 1 });
}

#[test]
fn a_rename_frees_the_name_and_one_that_changes_nothing_is_no_event() {
    let scenario = Scenario::with_bound_api();
    scenario.when(&rename("first", "first")).then(&[]);
    scenario
        .when(&rename("first", "second"))
        .then_rejected(&Rejection::NameTaken { kind: "signature key", name: "second".into() });
    let renamed = scenario.given(rename("first", "third"));
    renamed.when(&rename("first", "fourth")).then_not_found("signature key");
    renamed.when(&rename("second", "first")).then_kinds(&["KeyRenamed"]);
}

#[test]
fn each_secret_is_one_version_more() {
    let key = KeyId::from_bytes(bytes(1));
    let replace = |n| Command::ReplaceSecret { key, secret: secret(n, "another_secret_1") };
    let scenario = Scenario::with_bound_api();
    scenario.when(&replace(7)).then(&[Event::SecretReplaced {
        id: key,
        secret: SecretVersion { number: 2, sealed: secret(7, "another_secret_1") },
    }]);
    let third = scenario.given(replace(7)).given(replace(8));
    assert_eq!(third.state.keys().get(&key).unwrap().secret.number, 3);
    let gone = Command::ReplaceSecret { key: KeyId::from_bytes(bytes(66)), secret: secret(7, "x") };
    third.when(&gone).then_not_found("signature key");
}

#[test]
fn a_bound_key_is_deleted_only_by_force_and_then_in_one_batch() {
    let scenario = Scenario::with_bound_api();
    scenario
        .when(&delete("first", false))
        .then_rejected(&Rejection::KeyStillBound { name: "first".into(), bindings: 1 });
    scenario.when(&delete("first", true)).then_kinds(&["KeyUnbound", "KeyDeleted"]);
    scenario.when(&delete("second", false)).then_kinds(&["KeyDeleted"]);
    let deleted = scenario.given(delete("first", true));
    assert!(deleted.state.bindings().is_empty());
    deleted.when(&create_key(3, "first", SignatureKeyType::Hmac)).then_kinds(&["KeyCreated"]);
}

#[test]
fn a_rotation_of_the_master_key_is_noted_once() {
    let scenario = Scenario::new();
    scenario
        .when(&Command::NoteMasterKey { number: 2 })
        .then(&[Event::MasterKeyRotated { number: 2 }]);
    let scenario = scenario.given(Command::NoteMasterKey { number: 2 });
    scenario.when(&Command::NoteMasterKey { number: 2 }).then(&[]);
    scenario
        .when(&Command::NoteMasterKey { number: 3 })
        .then(&[Event::MasterKeyRotated { number: 3 }]);
}
