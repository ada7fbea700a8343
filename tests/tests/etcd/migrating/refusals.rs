//! What a log is not moved over, from or to; and that nothing is given up then.

use std::fs;

use countersign_tests::{Backend, Cli, Etcd, Said};

use super::{Kept, etcd_place, exists, has, put};

/// Refused, with exit status 1 and these words.
fn assert_refused(said: &Said, words: &str) {
    assert_eq!(said.status, 1, "{} {}", said.stdout, said.stderr);
    assert!(said.stderr.contains(words), "{}", said.stderr);
}

#[tokio::test]
async fn only_an_empty_prefix_takes_a_log() {
    let (etcd, backend) = (Etcd::start(), Backend::start().await);
    let kept = Kept::make(&backend).await;
    put(&etcd, "countersign/something");
    let place = etcd_place(&etcd);
    let said = kept.migrate(&kept.sled("one"), &place);
    assert_refused(&said, "is not empty: it has the key countersign/something");
    assert!(said.stderr.contains("etcdctl del --prefix countersign/"), "{}", said.stderr);

    // Another log, under another prefix.
    let other = Kept::make(&backend).await;
    let named = format!("{place}/other");
    other.migrated(&other.sled("one"), &named);
    assert_refused(&kept.migrate(&kept.sled("one"), &named), "is of the log");
    // The same one, which went on by itself.
    let copy = kept.path("copy");
    copy_directory(&kept.path("one"), &copy);
    let named = format!("{place}/this");
    kept.migrated(&kept.sled("one"), &named);
    assert_refused(&kept.migrate(&kept.sled("copy"), &named), "is not empty");
    assert!(!exists(&copy.join("replica")), "nothing is given up");
}

#[tokio::test]
async fn only_a_new_directory_or_a_copy_takes_a_log() {
    let (etcd, backend) = (Etcd::start(), Backend::start().await);
    let (kept, other) = (Kept::make(&backend).await, Kept::make(&backend).await);
    let place = etcd_place(&etcd);
    assert_refused(&kept.migrate(&place, &kept.sled("two")), "there is no log");
    copy_directory(&kept.path("one"), &kept.path("copy"));
    kept.migrated(&kept.sled("one"), &place);
    fs::create_dir(kept.path("full")).unwrap();
    fs::write(kept.path("full/letter"), "Dear").unwrap();
    assert_refused(&kept.migrate(&place, &kept.sled("full")), "there is letter in it");
    assert_refused(&kept.migrate(&place, &kept.sled("copy")), "goes on by itself");
    copy_directory(&other.path("one"), &kept.path("other"));
    assert_refused(&kept.migrate(&place, &kept.sled("other")), "is of the log");
    assert!(has(&etcd, "countersign/identity"), "nothing is given up");

    let plane = kept.start("one", Some(&etcd)).await;
    assert_refused(&kept.migrate(&place, &kept.sled("two")), "a control plane leads");
    assert_refused(&kept.migrate(&kept.sled("one"), &place), "is in use by the process");
    drop(plane);
    assert!(!exists(&kept.path("two")), "nothing is made");
}

#[tokio::test]
async fn without_the_master_key_nothing_moves() {
    let (etcd, backend) = (Etcd::start(), Backend::start().await);
    let kept = Kept::make(&backend).await;
    let (here, place) = (kept.sled("one"), etcd_place(&etcd));
    let wrong = kept.path("wrong.key");
    fs::write(&wrong, "77".repeat(32)).unwrap();
    fs::set_permissions(&wrong, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let wrong = format!("--master-key-file {}", wrong.display());
    let say = |line: &str| Cli::to("http://127.0.0.1:9").say(line);
    let said = say(&format!("log migrate --from {here} --to {place} {wrong}"));
    assert_refused(&said, "the master key is not the one");
    assert_refused(&say(&format!("log migrate --from {here} --to {place}")), "--master-key-file");
    assert!(!has(&etcd, "countersign/moving") && !has(&etcd, "countersign/head"));

    kept.migrated(&here, &place);
    let back = kept.sled("two");
    let said = say(&format!("log migrate --from {place} --to {back} {wrong}"));
    assert_refused(&said, "the master key is not the one");
    assert!(!exists(&kept.path("two")), "nothing is made");
    assert_eq!(say(&format!("log migrate --from {place} --to {place}")).status, 2);
    assert_eq!(say(&format!("log migrate --from {here} --to {back}")).status, 2);
}

fn copy_directory(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
