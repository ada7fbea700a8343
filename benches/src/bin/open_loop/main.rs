//! Requests at a fixed rate, whatever the answers do, over HTTP/1.1 connections that stay open.
//! A latency counts from the moment at which the request was due, not from the one at which there
//! was a connection for it: a server that stalls pays for every request that it made wait. (A
//! load generator that waits for its answers leaves those out, which flatters exactly the worst.)
//!
//! ```text
//! open_loop ADDRESS --rate PER_SECOND [--connections 64] [--seconds 5] [--warm-up 1]
//!                   [--path /] [--body BYTES]
//! ```
//!
//! Prints one line of JSON: how many were due, answered and failed; quantiles of the latency in
//! microseconds; and how late this generator itself was, which must be little beside them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that cannot go on panics"
)]

mod connection;
mod generator;
mod timer;

use std::net::SocketAddr;
use std::time::Duration;

use generator::{Generator, Outcome};

struct Arguments {
    address: SocketAddr,
    rate: f64,
    connections: usize,
    seconds: f64,
    warm_up: f64,
    path: String,
    body: usize,
}

fn main() {
    let arguments = Arguments::read();
    let request = request(&arguments);
    let interval = Duration::from_secs_f64(1.0 / arguments.rate);
    let mut generator =
        Generator::connect(arguments.address, arguments.connections, request, interval);
    let _ = generator.run(Duration::from_secs_f64(arguments.warm_up));
    let outcome = generator.run(Duration::from_secs_f64(arguments.seconds));
    print(&arguments, outcome);
}

impl Arguments {
    fn read() -> Self {
        let mut arguments = std::env::args().skip(1);
        let address = arguments.next().expect("the first argument is an address");
        let mut read = Self {
            address: address.parse().expect("an address such as 127.0.0.1:8080"),
            rate: 0.0,
            connections: 64,
            seconds: 5.0,
            warm_up: 1.0,
            path: "/".to_owned(),
            body: 0,
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().expect("each argument has a value");
            match name.as_str() {
                "--rate" => read.rate = value.parse().expect("a number"),
                "--connections" => read.connections = value.parse().expect("a number"),
                "--seconds" => read.seconds = value.parse().expect("a number"),
                "--warm-up" => read.warm_up = value.parse().expect("a number"),
                "--path" => read.path = value,
                "--body" => read.body = value.parse().expect("a number"),
                _ => panic!("{name} is not known"),
            }
        }
        assert!(read.rate > 0.0, "--rate is wanted, in requests per second");
        read
    }
}

fn request(arguments: &Arguments) -> Vec<u8> {
    let (address, path, body) = (arguments.address, &arguments.path, arguments.body);
    let head = if body == 0 {
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")
    } else {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {body}\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )
    };
    let mut request = head.into_bytes();
    request.resize(request.len() + body, b'x');
    request
}

fn print(arguments: &Arguments, mut outcome: Outcome) {
    outcome.latencies.sort_unstable();
    outcome.lateness.sort_unstable();
    println!(
        "{{\"rate\":{},\"due\":{},\"answered\":{},\"failed\":{},\"p50_us\":{:.1},\"p99_us\":{:.1},\
         \"p999_us\":{:.1},\"max_us\":{:.1},\"late_p50_us\":{:.1},\"late_p99_us\":{:.1}}}",
        arguments.rate,
        outcome.due,
        outcome.latencies.len(),
        outcome.failed,
        quantile(&outcome.latencies, 0.5),
        quantile(&outcome.latencies, 0.99),
        quantile(&outcome.latencies, 0.999),
        quantile(&outcome.latencies, 1.0),
        quantile(&outcome.lateness, 0.5),
        quantile(&outcome.lateness, 0.99),
    );
}

/// Of values in order: the smallest that so large a share does not exceed, in microseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rank among at most some millions"
)]
fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::quantile;

    #[test]
    fn a_quantile_is_the_smallest_value_that_its_share_does_not_exceed() {
        let sorted: Vec<Duration> = (1..=1000).map(Duration::from_micros).collect();
        let found = [0.5, 0.99, 0.999, 1.0].map(|share| quantile(&sorted, share).round());
        assert_eq!(found.map(|us| format!("{us}")), ["500", "990", "999", "1000"]);
    }
}
