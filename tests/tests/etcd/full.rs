//! An etcd that is full: writes are refused with the reason, reads and signing go on, and so do writes when
//! there is space again.

use countersign_proto::v1;
use countersign_tests::{Backend, Etcd, Management, Refused, eventually, get, node, refused, soon};
use tonic::Code;

use super::{ORDERS, RELEASE, create_orders, start};

const QUOTA_BYTES: usize = 1024 * 1024;
/// So many more are refused in the same way.
const REFUSED: usize = 20;
/// As long as a remark may be, nearly.
const REMARK_BYTES: usize = 180;

/// Puts a group that is as large as it may be.
async fn write(management: &Management, number: usize) -> Result<u64, Refused> {
    let api_group = v1::ApiGroup {
        name: format!("group_{number}"),
        remark: "x".repeat(REMARK_BYTES),
        ..v1::ApiGroup::default()
    };
    let request_id = format!("write-{number}");
    let request =
        v1::CreateApiGroupRequest { api_group: Some(api_group), request_id, ..Default::default() };
    match management.api_groups().create_api_group(request).await {
        Ok(reply) => Ok(reply.into_inner().revision),
        refusal => Err(refused(refusal)),
    }
}

#[tokio::test]
async fn a_full_etcd_refuses_writes_and_nothing_else_until_there_is_space() {
    let etcd = Etcd::start_with("http", |_| vec![format!("--quota-backend-bytes={QUOTA_BYTES}")]);
    let (data, backend) = (tempfile::tempdir().unwrap(), Backend::start().await);
    let plane = start(&etcd, &data.path().join("one")).await;
    let management = plane.management();
    let revision = create_orders(&management, &backend).await;
    let node = node(&plane.uri(), "node-1").await;
    soon("the binding", node.wait_for(revision)).await;

    let mut written = 0;
    let refusal = loop {
        match write(&management, written).await {
            Ok(_) => written += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal.code, Code::Unavailable);
    assert!(refusal.message.contains("NOSPACE"), "{refusal:?}");
    println!("{written} writes until etcd was full: {}", refusal.message);
    for _ in 0..REFUSED {
        let refusal = write(&management, written).await.unwrap_err();
        assert_eq!(refusal.code, Code::Unavailable);
        assert!(refusal.message.contains("NOSPACE"), "{refusal:?}");
    }

    let request = v1::GetEnvironmentRequest { environment: RELEASE.to_owned() };
    management.environments().get_environment(request).await.unwrap();
    assert_eq!(get(node.proxy_address(), "/orders").await.status, 200);
    ORDERS.assert_signed(&backend.last());

    make_space(&etcd);
    let revision =
        eventually("writing goes on", async || write(&management, written).await.ok()).await;
    soon("the write that was refused", node.wait_for(revision)).await;
    soon("the node's end", node.shutdown()).await;
}

/// Compacts and defragments it, and disarms the alarm, as docs/etcd.md says.
fn make_space(etcd: &Etcd) {
    let status = etcd.ask("maintenance/status", "{}");
    let revision = text_after(&status, r#""revision":""#);
    etcd.ask("kv/compaction", &format!(r#"{{"revision":"{revision}","physical":true}}"#));
    etcd.ask("maintenance/defragment", "{}");
    let alarms = etcd.ask("maintenance/alarm", r#"{"action":"GET"}"#);
    let member = text_after(&alarms, r#""memberID":""#);
    let disarm = format!(r#"{{"action":"DEACTIVATE","memberID":"{member}","alarm":"NOSPACE"}}"#);
    etcd.ask("maintenance/alarm", &disarm);
}

fn text_after<'a>(answer: &'a str, what: &str) -> &'a str {
    let (_, text) = answer.split_once(what).unwrap_or_else(|| panic!("no {what} in {answer}"));
    text.split('"').next().unwrap()
}
