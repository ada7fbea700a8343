//! Tries the rows, one after another, and says in what they are wrong. A row's requests are all
//! read by a double before the next row begins: a last request over the same connection to the
//! backend would follow whatever was smuggled.

use std::time::Duration;

use countersign_data_plane::Node;
use tokio::time::timeout;

use crate::doubles::{Book, Double, Seen, Temper};
use crate::row::{Answer, Row, Then};
use crate::support::{
    Client, ControlPlane, Resources, Stream, api, binding, group, hmac, node_with, route, soon,
};

/// Only what goes wrong takes so long.
const ROW_TIME_MAX: Duration = Duration::from_secs(5);

const PROBE: &str = "GET /probe HTTP/1.1\r\nHost: a\r\n\r\n";
const PROBE_SEEN: &str = r#"GET /probe """#;

/// A node before a double, and whether its API is signed.
struct Setting {
    temper: Temper,
    is_signed: bool,
    double: Double,
    node: Node,
    _control_plane: (ControlPlane, Stream),
}

/// What is wrong with which row.
pub(crate) async fn table(rows: &[Row]) -> Vec<String> {
    let mut wrong = Vec::new();
    for temper in [Temper::Strict, Temper::Lax] {
        for is_signed in [true, false] {
            let setting = Setting::start(temper, is_signed).await;
            wrong.extend(setting.check_all(rows).await);
        }
    }
    wrong
}

impl Setting {
    async fn start(temper: Temper, is_signed: bool) -> Self {
        let double = Double::start(temper).await;
        let resources =
            Resources::of([group(1, &[]), route(2, 1, api("/", double.address, |_| {}))]);
        let bound = [hmac(3), binding(2, 3)].into_iter().filter(|_| is_signed);
        let (node, control_plane, stream) = node_with(&resources.and(0, bound)).await;
        Self { temper, is_signed, double, node, _control_plane: (control_plane, stream) }
    }

    async fn check_all(self, rows: &[Row]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut counted = 0;
        let kind = if self.is_signed { "signed" } else { "streamed" };
        for row in rows {
            let told = timeout(ROW_TIME_MAX, self.exchange(row)).await;
            let told = told.unwrap_or_else(|_| Err("it took too long".into()));
            self.probe().await;
            let book = self.double.book();
            let all_seen = &book.seen[counted..];
            counted = book.seen.len();
            if let Err(what) = told.and_then(|()| self.check_seen(row, all_seen)) {
                wrong.push(format!("[{:?}, {kind}] {}: {what}", self.temper, row.name));
            }
        }
        soon("the node's end", self.node.shutdown()).await;
        let Book { seen, doubts } = self.double.finish().await;
        let late: Vec<String> = seen[counted..].iter().map(Seen::line).collect();
        if !late.is_empty() || !doubts.is_empty() {
            wrong.push(format!("[{:?}, {kind}] late: {late:?}, doubts: {doubts:?}", self.temper));
        }
        wrong
    }

    /// Sends the row's bytes and compares the answers.
    async fn exchange(&self, row: &Row) -> Result<(), String> {
        let mut client = Client::connect(self.node.proxy_address()).await;
        client.send(&row.sent).await;
        let (answers, then) = match &row.known {
            Some(known) => (std::slice::from_ref(&known.answer), known.then),
            None => (row.answers.as_slice(), row.then),
        };
        let method = if row.sent.starts_with(b"HEAD ") { "HEAD" } else { "GET" };
        for expected in answers {
            if *expected == Answer::Gone {
                return Ok(());
            }
            let answer = match client.answer_to(method).await {
                None => Answer::Closed,
                Some(answer) => {
                    let ours = answer.status == 200 || !answer.code().is_empty();
                    if ours && answer.header("x-request-id").is_none() {
                        return Err("the answer has no X-Request-Id".into());
                    }
                    Answer::Status(answer.status, answer.code().to_owned())
                }
            };
            if answer != *expected {
                return Err(format!("{answer:?}, not {expected:?}"));
            }
            if answer == Answer::Closed {
                return Ok(());
            }
        }
        let is_open = match then {
            Then::Closed => !client.is_closed().await,
            Then::Open => {
                client.send(PROBE).await;
                client.answer().await.is_some_and(|answer| answer.status == 200)
            }
        };
        if is_open == (then == Then::Open) {
            return Ok(());
        }
        Err(format!("not {then:?} afterwards"))
    }

    /// One more request, of another client.
    async fn probe(&self) {
        let mut client = Client::connect(self.node.proxy_address()).await;
        client.send(PROBE).await;
        assert_eq!(client.answer().await.map(|answer| answer.status), Some(200), "the probe");
    }

    fn check_seen(&self, row: &Row, all_seen: &[Seen]) -> Result<(), String> {
        let seen: Vec<&Seen> = all_seen.iter().filter(|seen| seen.line() != PROBE_SEEN).collect();
        let lines: Vec<String> = seen.iter().map(|seen| seen.line()).collect();
        let expected = match (&row.known, self.temper) {
            (Some(known), _) => &known.seen,
            (None, Temper::Strict) => &row.strict,
            (None, Temper::Lax) => &row.lax,
        };
        if lines != *expected {
            return Err(format!("the double read {lines:?}, not {expected:?}"));
        }
        if lines.len() > row.answers.len() {
            return Err(format!("{} answers for {lines:?}", row.answers.len()));
        }
        if seen.iter().any(|seen| seen.target == "/smuggled") {
            return Err(format!("smuggled: {lines:?}"));
        }
        for request in &seen {
            self.check_ours(request)?;
        }
        let (true, Some(last)) = (self.is_signed, seen.last()) else { return Ok(()) };
        for (name, value) in &row.with {
            if last.values(name) != [value] {
                return Err(format!("{name} is {:?}, not {value}", last.values(name)));
            }
        }
        match row.without.iter().find(|name| !last.values(name).is_empty()) {
            Some(name) => Err(format!("{name} came through: {:?}", last.values(name))),
            None => Ok(()),
        }
    }

    /// What the gateway says, it says once, in whatever form a backend may read it.
    fn check_ours(&self, seen: &Seen) -> Result<(), String> {
        let address = self.double.address.to_string();
        for (name, value) in [
            ("host", address.as_str()),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "http"),
        ] {
            if seen.values(name) != [value] {
                return Err(format!("{name} is {:?}, not {value}", seen.values(name)));
            }
        }
        if !self.is_signed {
            return Ok(());
        }
        let signature = seen.values("authorization");
        let is_ours = matches!(*signature, [one] if one.starts_with("SDK-HMAC-SHA256 Access=signature_key1,"));
        if !is_ours || seen.values("x-sdk-date").len() != 1 {
            return Err(format!("the signature is {signature:?}"));
        }
        Ok(())
    }
}
