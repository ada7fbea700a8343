//! gRPC-Web, as the console's pages and others speak it: tokens, pages of other origins, deadlines.

use std::net::SocketAddr;

use countersign_proto::v1::access_client::AccessClient;
use countersign_proto::v1::{self, OperatorRole};
use countersign_tests::authority::{bootstrap_token, with_token};
use countersign_tests::{Answer, Plane, free_address, request};
use prost::Message;

struct Web {
    address: SocketAddr,
    plane: Plane,
}

impl Web {
    async fn start() -> Self {
        let address = free_address();
        let plane = Plane::start_with(|config| {
            config.console_listen = Some(address);
            config.require_credentials = true;
        })
        .await;
        Self { address, plane }
    }

    async fn call(&self, path: &str, headers: &str, message: &impl Message) -> Answer {
        let body = message.encode_to_vec();
        let mut bytes = self.head(path, headers, 5 + body.len());
        bytes.push(0);
        bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
        request(self.address, bytes).await
    }

    fn head(&self, path: &str, headers: &str, length: usize) -> Vec<u8> {
        format!(
            "POST /countersign.v1.{path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n\
             Content-Type: application/grpc-web+proto\r\n{headers}\r\n",
            self.address
        )
        .into_bytes()
    }
}

/// The status, in the headers or in the last frame.
fn status(answer: &Answer) -> String {
    assert_eq!(answer.status, 200);
    if let Some(status) = answer.header("grpc-status") {
        return status.to_owned();
    }
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let line = text.split("\r\n").find_map(|line| line.split_once("grpc-status:"));
    line.map(|(_, status)| status.trim().to_owned()).expect(&text)
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[tokio::test]
async fn a_token_counts_in_the_browser_as_it_does_elsewhere() {
    let web = Web::start().await;
    let first = bootstrap_token(&web.plane);
    let mut access = AccessClient::new(web.plane.management().channel());
    let grant = v1::Grant {
        operator: "ann".to_owned(),
        role: OperatorRole::Viewer.into(),
        ..Default::default()
    };
    let request = v1::GrantAccessRequest { grant: Some(grant), ..Default::default() };
    access.grant_access(with_token(request, &first)).await.unwrap();
    let request = v1::CreateTokenRequest { operator: "ann".to_owned(), ..Default::default() };
    let made = access.create_token(with_token(request, &first)).await.unwrap().into_inner();

    let whoami = async |headers: &str| {
        web.call("Access/WhoAmI", headers, &v1::WhoAmIRequest::default()).await
    };
    let known = whoami(&bearer(&made.bearer)).await;
    assert_eq!(status(&known), "0");
    assert!(memchr::memmem::find(&known.body, b"ann").is_some());
    for (headers, reason) in [
        (String::new(), "nobody is named"),
        (bearer("nonsense"), "this is not a token"),
        (bearer(&made.bearer.replace("cst_", "cst_A")), "this is not a token"),
    ] {
        let refused = whoami(&headers).await;
        assert_eq!(status(&refused), "16", "UNAUTHENTICATED");
        let message = refused.header("grpc-message").unwrap_or_default().replace("%20", " ");
        assert!(message.contains(reason), "{message}");
    }
    let create = v1::CreateEnvironmentRequest::default();
    let refused = web.call("Environments/CreateEnvironment", &bearer(&made.bearer), &create).await;
    assert_eq!(status(&refused), "7", "PERMISSION_DENIED");
    // What nodes call is not there.
    let deliver = v1::DeliverKeysRequest::default();
    let sync = web.call("Sync/DeliverKeys", &bearer(&first), &deliver).await;
    assert_ne!(status(&sync), "0");

    let id = made.token.unwrap().id;
    let revoke = v1::RevokeTokenRequest { token: id, ..Default::default() };
    access.revoke_token(with_token(revoke, &first)).await.unwrap();
    assert_eq!(status(&whoami(&bearer(&made.bearer)).await), "16");
}

#[tokio::test]
async fn a_page_of_another_origin_calls_nothing_even_with_a_token() {
    let web = Web::start().await;
    let token = bearer(&bootstrap_token(&web.plane));
    let own = format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", web.address);
    for (headers, expected) in [
        (own.as_str(), 200),
        ("", 200),
        ("Origin: https://evil.example\r\n", 403),
        ("Origin: null\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\n", 403),
        ("Sec-Fetch-Site: same-site\r\n", 403),
    ] {
        let all = format!("{token}{headers}");
        let answer = web.call("Access/WhoAmI", &all, &v1::WhoAmIRequest::default()).await;
        assert_eq!(answer.status, expected, "{headers}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{headers}");
    }
    let preflight = "OPTIONS /countersign.v1.Access/WhoAmI HTTP/1.1\r\nHost: 127.0.0.1\r\n\
         Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n";
    let answer = request(web.address, preflight).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, None));
    let rebound = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    assert_eq!(request(web.address, rebound).await.status, 403);

    let page = countersign_tests::get(web.address, "/").await;
    assert_eq!(page.status, 403, "by another name than this machine's");
    let page = request(web.address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
}

#[tokio::test]
async fn a_callers_own_deadline_counts_where_it_is_shorter() {
    let web = Web::start().await;
    let headers = format!("{}grpc-timeout: 50m\r\n", bearer(&bootstrap_token(&web.plane)));
    // The message that is announced does not come.
    let stuck = web.head("Environments/ListEnvironments", &headers, 100);
    let answer = request(web.address, stuck).await;
    assert_eq!(status(&answer), "4", "DEADLINE_EXCEEDED");
    let message = answer.header("grpc-message").unwrap();
    assert!(message.contains("50ms"), "{message}");
}
