//! What an operator reads of a node that runs as a process.

use countersign_tests::{ControlPlaneProcess, NodeProcess, eventually, get};
use serde_json::Value;

#[tokio::test]
async fn a_line_of_the_access_log_has_everything_but_what_may_be_secret() {
    let directory = tempfile::tempdir().unwrap();
    let plane = ControlPlaneProcess::start(&directory.path().join("data")).await;
    let told = ["--access-log-every", "1", "--log-format", "json"];
    let mut node = NodeProcess::start_with(&plane.uri(), "node-1", directory.path(), &told).await;
    let answer = get(node.proxy_address, "/nowhere?token=in-the-query").await;
    assert_eq!(answer.status, 404);
    let line: Value = eventually("a line of the access log", async || {
        let log = node.process.log();
        assert!(!log.contains("in-the-query"));
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["target"] == "access")
    })
    .await;
    for (name, value) in [
        ("client", "127.0.0.1".into()),
        ("method", "GET".into()),
        ("path", "/nowhere".into()),
        ("protocol", "HTTP/1.1".into()),
        ("route", "none".into()),
        ("status", 404.into()),
        ("refusal", "API_NOT_FOUND".into()),
        ("request_bytes", 0.into()),
        ("answer_bytes", answer.body.len().into()),
        ("backend", "".into()),
        ("tries", 0.into()),
        ("backend_us", 0.into()),
    ] as [(&str, Value); 12]
    {
        assert_eq!(line[name], value, "{name} in {line}");
    }
    assert!(line["answered_us"].is_u64() && line["ended_us"].is_u64(), "{line}");
    assert_eq!(line["request_id"].as_str().unwrap().len(), 32);
    assert!(node.process.stop().await.success());
}
