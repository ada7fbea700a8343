//! The way of one replica to one member of etcd. It passes bytes on while it is open, holds them while it
//! is shut, in one direction or both, as a network does whose packets are sent again; and it can
//! break the connections, with what it holds.

use std::net::SocketAddr;

use countersign_tests::free_address;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    requests_pass: bool,
    answers_pass: bool,
    breaks: u32,
}

#[derive(Debug)]
pub(crate) struct Gate {
    at: SocketAddr,
    state: watch::Sender<State>,
    server: JoinHandle<()>,
}

impl Gate {
    pub(crate) async fn before(to: SocketAddr) -> Self {
        let at = free_address();
        let listener = TcpListener::bind(at).await.unwrap();
        let (state, states) =
            watch::channel(State { requests_pass: true, answers_pass: true, breaks: 0 });
        let server = tokio::spawn(async move {
            loop {
                let (from, _) = listener.accept().await.unwrap();
                // A member that is down refuses connections here as there.
                let Ok(onward) = TcpStream::connect(to).await else { continue };
                tokio::spawn(connection(from, onward, states.clone()));
            }
        });
        Self { at, state, server }
    }

    pub(crate) fn at(&self) -> SocketAddr {
        self.at
    }

    pub(crate) fn pass(&self, requests: bool, answers: bool) {
        self.state
            .send_modify(|state| (state.requests_pass, state.answers_pass) = (requests, answers));
    }

    /// Ends all connections; what was held is lost.
    pub(crate) fn break_all(&self) {
        self.state.send_modify(|state| state.breaks += 1);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn connection(from: TcpStream, onward: TcpStream, states: watch::Receiver<State>) {
    let (from_read, from_write) = from.into_split();
    let (to_read, to_write) = onward.into_split();
    let breaks = states.borrow().breaks;
    let mut broken = states.clone();
    tokio::select! {
        () = pass(from_read, to_write, states.clone(), |state| state.requests_pass) => {}
        () = pass(to_read, from_write, states, |state| state.answers_pass) => {}
        _ = broken.wait_for(|state| state.breaks != breaks) => {}
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut states: watch::Receiver<State>,
    may: fn(&State) -> bool,
) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if states.wait_for(may).await.is_err() || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
