//! What waits in a stream to be sent: a few messages in order, and an end that can overtake them
//! where the node takes nothing.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use countersign_proto::v1;
use countersign_proto::v1::subscribe_response::Message as ToNode;
use futures_util::{FutureExt, Stream};
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

/// Messages that wait for a slow node in its stream; the rest waits in the feed.
const STREAM_QUEUE_MAX: usize = 8;

type Answer = Result<v1::SubscribeResponse, Status>;

/// The end at which messages are put in.
pub(super) struct Sender {
    queue: mpsc::Sender<Answer>,
    end: oneshot::Sender<Status>,
}

/// The end that is sent from.
pub(super) struct Outgoing {
    queue: mpsc::Receiver<Answer>,
    end: Option<oneshot::Receiver<Status>>,
}

/// Why a message was not put in.
pub(super) enum NotSent {
    /// There is no stream any more.
    Gone,
    /// The node took nothing.
    Stalled,
}

pub(super) fn outgoing() -> (Sender, Outgoing) {
    let (sender, queue) = mpsc::channel(STREAM_QUEUE_MAX);
    let (end, ended) = oneshot::channel();
    (Sender { queue: sender, end }, Outgoing { queue, end: Some(ended) })
}

impl Sender {
    /// Waits for room as long as it takes.
    pub(super) async fn send(&self, message: ToNode) -> Result<(), NotSent> {
        self.queue.send(Ok(answer(message))).await.map_err(|_| NotSent::Gone)
    }

    /// Waits for room so long.
    pub(super) async fn send_within(&self, wait: Duration, message: ToNode) -> Result<(), NotSent> {
        self.queue.send_timeout(Ok(answer(message)), wait).await.map_err(|error| match error {
            SendTimeoutError::Closed(_) => NotSent::Gone,
            SendTimeoutError::Timeout(_) => NotSent::Stalled,
        })
    }

    /// The last word: behind what waits, or in the place of it where there is no room.
    pub(super) fn end(self, status: Status) {
        if let Err(error) = self.queue.try_send(Err(status))
            && let Err(status) = error.into_inner()
        {
            let _ = self.end.send(status);
        }
    }
}

fn answer(message: ToNode) -> v1::SubscribeResponse {
    v1::SubscribeResponse { message: Some(message) }
}

impl Stream for Outgoing {
    type Item = Answer;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        if let Some(end) = &mut self.end
            && let Poll::Ready(ended) = end.poll_unpin(context)
        {
            self.end = None;
            if let Ok(status) = ended {
                self.queue.close();
                while self.queue.try_recv().is_ok() {}
                return Poll::Ready(Some(Err(status)));
            }
        }
        self.queue.poll_recv(context)
    }
}
