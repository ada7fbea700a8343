//! The schedule, and who sends next: a request that is due takes the connection that has been
//! idle for longest, or waits for the next one that gets idle.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::connection::{Connection, Progress};
use crate::timer::Timer;

/// How long answers are waited for once the last request is due.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
const EVENTS_AT_ONCE: usize = 256;
/// Not a connection's number.
const TIMER: u64 = u64::MAX;

#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) due: u64,
    /// Answers with another status, and requests without an answer.
    pub(crate) failed: u64,
    pub(crate) latencies: Vec<Duration>,
    /// How long after it was due a request was sent, where a connection was idle.
    pub(crate) lateness: Vec<Duration>,
}

#[derive(Debug)]
pub(crate) struct Generator {
    epoll: OwnedFd,
    timer: Timer,
    connections: Vec<Connection>,
    idle: VecDeque<usize>,
    /// Requests that are due and have no connection yet.
    waiting: VecDeque<Instant>,
    request: Vec<u8>,
    interval: Duration,
}

impl Generator {
    pub(crate) fn connect(
        address: SocketAddr,
        connections: usize,
        request: Vec<u8>,
        interval: Duration,
    ) -> Self {
        let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
        let timer = Timer::new();
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN).unwrap();
        let connections: Vec<Connection> =
            (0..connections).map(|_| Connection::to(address)).collect();
        for (number, connection) in connections.iter().enumerate() {
            // By edges: an event for each connection says to go on until nothing goes on.
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
            let data = EventData::new_u64(number as u64);
            epoll::add(&epoll, &connection.stream, data, flags).unwrap();
        }
        let idle = (0..connections.len()).collect();
        Self { epoll, timer, connections, idle, waiting: VecDeque::new(), request, interval }
    }

    /// Keeps the rate for so long, and waits for the answers.
    pub(crate) fn run(&mut self, length: Duration) -> Outcome {
        let mut outcome = Outcome::default();
        let begun = Instant::now();
        let mut next = begun;
        while next < begun + length {
            while next <= Instant::now() && next < begun + length {
                outcome.due += 1;
                self.due(next, &mut outcome);
                next += self.interval;
            }
            self.take_answers(next, &mut outcome);
        }
        let end = Instant::now() + LAST_ANSWERS;
        while self.idle.len() < self.connections.len() && Instant::now() < end {
            self.take_answers(end, &mut outcome);
        }
        // A rate that is too high to be kept leaves some over; they are not the next run's.
        self.waiting.clear();
        outcome.failed = outcome.due.saturating_sub(outcome.latencies.len() as u64);
        outcome
    }

    fn due(&mut self, due: Instant, outcome: &mut Outcome) {
        match self.idle.pop_front() {
            Some(number) => {
                outcome.lateness.push(due.elapsed());
                self.connections[number].send(due, &self.request);
            }
            None => self.waiting.push_back(due),
        }
    }

    /// Waits until then at the latest, and takes what has come.
    fn take_answers(&mut self, until: Instant, outcome: &mut Outcome) {
        self.timer.ring_in(until.saturating_duration_since(Instant::now()));
        let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => panic!("epoll_wait: {error}"),
        }
        for event in events {
            match event.data.u64() {
                TIMER => self.timer.rung(),
                number => {
                    let number = usize::try_from(number).expect("a connection's number");
                    self.go_on(number, outcome);
                }
            }
        }
    }

    fn go_on(&mut self, number: usize, outcome: &mut Outcome) {
        let connection = &mut self.connections[number];
        match connection.go_on(&self.request) {
            Progress::Pending => {}
            Progress::Answered { due, good } => {
                if good {
                    outcome.latencies.push(due.elapsed());
                }
                match self.waiting.pop_front() {
                    Some(due) => connection.send(due, &self.request),
                    None => self.idle.push_back(number),
                }
            }
        }
    }
}
