//! Given a master key in one of the places where it may be, then a start finds it there; and a start
//! that does not says why and what to do.

use std::path::Path;

use countersign_tests::{Cli, ControlPlaneProcess, Key, eventually, free_address};

const KEY: Key = Key::hmac("orders", "orders-2026", "Orders_secret-2026!first");

/// What a start that is refused writes.
async fn refused(data_dir: &Path, more: &[&str]) -> String {
    let log = data_dir.with_extension("refused.log");
    let (listen, status) = (free_address().to_string(), free_address().to_string());
    let mut args = vec!["control-plane", "--plaintext", "--data-dir", data_dir.to_str().unwrap()];
    args.extend(["--listen", &listen, "--status-listen", &status]);
    args.extend(more);
    let mut process = countersign_tests::Process::spawn(&args, &log);
    let ended = eventually("the start is refused", async || process.ended()).await;
    assert_eq!(ended.code(), Some(1), "{}", process.log());
    process.log()
}

#[tokio::test]
async fn a_file_and_a_command_give_the_same_key_and_another_one_is_refused_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let file = directory.path().join("a.key");
    let other = directory.path().join("other.key");
    let cli = Cli::to("http://127.0.0.1:1");
    for path in [&file, &other] {
        assert_eq!(cli.say(&format!("master-key new {}", path.display())).status, 0);
    }
    let again = cli.say(&format!("master-key new {}", file.display()));
    assert!(again.status == 1 && again.stderr.contains("is there already"), "{again:?}");

    let file_text = file.to_str().unwrap();
    let mut plane =
        ControlPlaneProcess::start_with(&data_dir, &["--master-key-file", file_text]).await;
    plane.management().create_key(&KEY).await;
    assert!(plane.process.stop().await.success());
    assert!(!data_dir.join("master.key").exists(), "no other one is made");

    let command = format!("cat {file_text}");
    let mut plane =
        ControlPlaneProcess::start_with(&data_dir, &["--master-key-command", &command]).await;
    assert!(plane.process.stop().await.success());

    let other = other.to_str().unwrap();
    let said = refused(&data_dir, &["--master-key-file", other]).await;
    assert!(said.contains("the master key is not the one"), "{said}");
    for (command, why) in [
        ("false", "gives no master key: exit status: 1"),
        ("echo no-key", "what echo said is not a master key"),
        ("/does/not/exist", "gives no master key: No such file"),
    ] {
        let said = refused(&data_dir, &["--master-key-command", command]).await;
        assert!(said.contains(why), "{said}");
    }
    let said = refused(&data_dir, &[]).await;
    assert!(said.contains("there is no master key at"), "{said}");
}
