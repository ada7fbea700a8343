//! `countersign dev` as a person runs it: the real process, its printed lines taken at their
//! word, a request that arrives signed, a clean stop, and a second run that has all of the first.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

const ANY_PORT: [&str; 5] =
    ["listen", "status-listen", "proxy-listen", "node-status-listen", "backend-listen"];

struct Dev {
    process: Child,
    stdout: BufReader<ChildStdout>,
    /// What it printed up to its last line.
    banner: String,
}

impl Dev {
    /// Starts it on free ports and waits for the last line of its banner.
    fn start(data_dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.arg("dev").arg("--data-dir").arg(data_dir).env_clear();
        for flag in ANY_PORT {
            command.arg(format!("--{flag}=127.0.0.1:0"));
        }
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.ends_with("Ctrl-C stops.\n") {
            let read = stdout.read_line(&mut banner).unwrap();
            assert_ne!(read, 0, "it ended: {banner}{}", rest(&mut process));
        }
        Self { process, stdout, banner }
    }

    fn after(&self, label: &str) -> String {
        let line = self.banner.lines().find(|line| line.trim_start().starts_with(label)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    }

    /// A verb against its control plane; the JSON it printed.
    fn verb(&self, line: &str) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(line.split(' '))
            .args(["-o", "json", "--control-plane", &self.after("control plane")])
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Interrupts it, as Ctrl-C does; gives what it said on standard error.
    fn stop(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let said = rest(&mut self.process);
        assert!(self.process.wait().unwrap().success(), "{said}");
        let mut more = String::new();
        self.stdout.read_to_string(&mut more).unwrap();
        assert_eq!(more, "", "nothing follows the banner");
        said
    }
}

fn rest(process: &mut Child) -> String {
    let mut text = String::new();
    process.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

/// A GET over a connection of its own; status and JSON.
fn get(url: &str, headers: &str) -> (u16, Value) {
    let (authority, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    let host =
        if headers.contains("host:") { String::new() } else { format!("Host: {authority}\r\n") };
    write!(stream, "GET /{path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, serde_json::from_str(body).unwrap())
}

#[test]
fn a_signature_arrives_a_changed_request_does_not_and_the_next_run_has_it_all() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("data");

    let dev = Dev::start(&data_dir);
    let call = dev.after("curl -i 'http").trim_matches('\'').to_owned();
    assert!(call.ends_with("/demo/hello?name=world"), "{call}");
    let (status, seen) = get(&call, "");
    assert_eq!((status, &seen["verified"]), (200, &Value::Bool(true)), "{seen}");
    assert_eq!(seen["target"], "/demo/hello?name=world");
    assert_eq!(seen["scheme"], "SDK-HMAC-SHA256");
    let mut captured = String::new();
    for pair in seen["headers"].as_array().unwrap() {
        let (name, value) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        if ["host", "x-sdk-date", "authorization"].contains(&name) {
            captured.extend([name, ": ", value, "\r\n"]);
        }
    }
    let backend = dev.after("sample backend");
    assert_eq!(get(&format!("{backend}/demo/hello?name=world"), &captured).0, 200);
    let (status, answer) = get(&format!("{backend}/demo/hello?name=mallory"), &captured);
    assert_eq!((status, answer["reason"].as_str()), (401, Some("SIGNATURE_MISMATCH")));
    assert_eq!(dev.verb("group create shop")["name"], "shop");
    let keys = dev.verb("key list");
    // What the node signs with is what the control plane says, as far as either tells it.
    let mut statuses = dev.banner.lines().filter_map(|line| line.trim().strip_suffix("/metrics"));
    let routes =
        dev.verb(&format!("node routes --signed --node-status {}", statuses.next_back().unwrap()));
    assert_eq!(routes.as_array().unwrap().len(), 1, "{routes}");
    let key = &routes[0]["signature_key"];
    assert_eq!((&key["key"], &key["id"]), (&keys[0]["key"], &keys[0]["id"]));
    assert_eq!(key["secret_fingerprint"], keys[0]["secret_fingerprint"]);
    let said = dev.stop();
    assert!(said.contains("Stopped. Everything is kept in "), "{said}");

    // Another run, on other ports: the demo still signs, and nothing was made twice.
    let dev = Dev::start(&data_dir);
    assert_eq!(dev.verb("key list"), keys);
    assert_eq!(dev.verb("group list").as_array().unwrap().len(), 2);
    let (status, seen) = get(dev.after("curl -i 'http").trim_matches('\''), "");
    assert_eq!((status, &seen["key"]), (200, &keys[0]["key"]), "{seen}");

    // What the user undid stays undone, and the banner says how to have it back.
    dev.verb("unbind --api demo/demo --env RELEASE");
    dev.stop();
    let dev = Dev::start(&data_dir);
    assert_eq!(dev.verb("binding list"), Value::Array(Vec::new()));
    assert!(dev.banner.contains("The demo does not sign any more"), "{}", dev.banner);
    dev.verb("bind demo --api demo/demo --env RELEASE --replace");
    dev.verb("key replace-secret demo");
    dev.stop();
    let dev = Dev::start(&data_dir);
    assert!(dev.banner.contains("another secret than the demo's key"), "{}", dev.banner);
    dev.stop();
}

#[test]
fn a_taken_port_names_its_flag_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for flag in ANY_PORT {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.arg("dev").env_clear().arg("--data-dir").arg(dir.path().join("data"));
        for other in ANY_PORT {
            let address = if other == flag { address.to_string() } else { "127.0.0.1:0".into() };
            command.arg(format!("--{other}={address}"));
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with(&format!("error: cannot listen on {address}: ")), "{said}");
        assert!(
            said.contains(&format!("what to do: choose another address with --{flag}, ")),
            "{said}"
        );
    }
    assert!(!dir.path().join("data").exists());
}
