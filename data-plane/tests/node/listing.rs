//! The table as the status listener shows it.

use countersign_proto::v1;

use crate::support::{
    Backend, HMAC_SECRET, Resources, api, binding, get, group, hmac, node_of, route, signer,
};

#[tokio::test]
async fn the_table_is_shown_page_by_page_and_no_secret_with_it() {
    let backend = Backend::start().await;
    let plain = |path: &str| api(path, backend.address(), |_| {});
    let resources = Resources::of([
        group(1, &["shop.example", "www.shop.example"]),
        group(2, &[]),
        route(3, 1, plain("/orders")),
        route(4, 2, plain("/plain")),
        hmac(5),
        binding(3, 5),
    ])
    .and(
        1,
        [
            group(1, &[]),
            route(3, 1, plain("/orders")),
            signer(6, v1::SignatureKeyType::Basic, "basic_key", "basic_secret"),
            binding(3, 6),
        ],
    );
    let (node, _control_plane, _stream) = node_of(&resources, |config| {
        config.environments = vec!["RELEASE".into(), "STAGING".into()];
    })
    .await;
    let routes = async |query: &str| {
        let answer = get(node.status_address().unwrap(), &format!("/routes?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        for hidden in [HMAC_SECRET, "basic_secret"] {
            assert!(!answer.text().contains(hidden));
        }
        serde_json::from_str::<serde_json::Value>(answer.text()).unwrap()
    };
    let all = routes("").await;
    assert_eq!((&all["revision"], &all["next_page_token"]), (&1.into(), &"".into()));
    let paths = |page: &serde_json::Value| -> Vec<String> {
        let rows = page["routes"].as_array().unwrap().iter();
        rows.map(|row| format!("{} {}", row["environment"], row["path"]).replace('"', "")).collect()
    };
    let mut sorted = paths(&all);
    sorted.sort();
    assert_eq!(sorted, ["RELEASE /orders", "RELEASE /plain", "STAGING /orders"]);

    let signed = routes("environment=RELEASE&bound=true").await;
    let row = &signed["routes"][0];
    assert_eq!(row["domains"], serde_json::json!(["shop.example", "www.shop.example"]));
    assert_eq!((&row["method"], &row["match_mode"]), (&"ANY".into(), &"SWA".into()));
    assert_eq!(row["backend"]["targets"][0], backend.address().to_string());
    let key = &row["signature_key"];
    assert_eq!((&key["type"], &key["key"]), (&"HMAC".into(), &"signature_key1".into()));
    assert_eq!(key["secret_fingerprint"].as_str().unwrap().len(), 12);
    assert!(routes("bound=false").await["routes"][0]["signature_key"].is_null());
    assert_eq!(paths(&routes("key=basic_key").await), ["STAGING /orders"]);
    assert_eq!(paths(&routes("contains=www.shop").await), ["RELEASE /orders"]);

    let mut paged = Vec::new();
    let mut token = String::new();
    for _ in 0..3 {
        let page = routes(&format!("page_size=1&page_token={token}")).await;
        paged.extend(paths(&page));
        token = page["next_page_token"].as_str().unwrap().to_owned();
    }
    assert_eq!((paged, token.as_str()), (paths(&all), ""));
    let refused = get(node.status_address().unwrap(), "/routes?page_size=x").await;
    assert_eq!((refused.status, refused.text()), (400, "page_size: 1–1000\n"));
}
