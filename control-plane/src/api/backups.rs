//! The service of backups: the bytes of a file, made on a thread of its own while writes go on.

use countersign_proto::v1;
use countersign_proto::v1::backups_server::Backups;
use tonic::{Code, Request, Response, Status};

use super::audit::{Replier, Replies, replies};
use super::{Api, status};
use crate::backup::{self, WriteError};
use crate::clock;

#[tonic::async_trait]
impl Backups for Api {
    type CreateBackupStream = Replies<v1::CreateBackupResponse>;

    async fn create_backup(
        &self,
        _request: Request<v1::CreateBackupRequest>,
    ) -> Result<Response<Self::CreateBackupStream>, Status> {
        let turn = self.replay_turn().await?;
        let (sender, replies) = replies();
        let api = self.clone();
        tokio::task::spawn_blocking(move || {
            write(&api, &sender);
            drop(turn);
        });
        Ok(replies)
    }
}

/// Until the end, or until the reader or the control plane goes.
fn write(api: &Api, sender: &Replier<v1::CreateBackupResponse>) {
    let source = backup::Source {
        reader: &*api.history.reader,
        key: &api.auditing.key,
        keystore: &api.keystore,
        epoch: api.epoch,
        now_ms: clock::now_ms(),
    };
    let written = backup::write(&source, |data, revision, revision_last| {
        if *api.stopping.borrow() {
            let message = "the control plane is stopping: try again";
            // A reader that has gone does not wait for it.
            let _ = sender.blocking_send(Err(status::status(
                Code::Unavailable,
                "STOPPING",
                message,
                [] as [(&str, String); 0],
            )));
            return false;
        }
        let reply = v1::CreateBackupResponse { data, revision, revision_last };
        sender.blocking_send(Ok(reply)).is_ok()
    });
    if let Err(error) = written {
        let _ = sender.blocking_send(Err(of_write(&error)));
    }
}

fn of_write(error: &WriteError) -> Status {
    tracing::error!(%error, "no backup can be made");
    let reason = match error {
        WriteError::Log(_) => "LOG_DAMAGED",
        WriteError::Keystore(_) | WriteError::Encode(_) => {
            return Status::internal(error.to_string());
        }
    };
    status::status(Code::DataLoss, reason, error.to_string(), [] as [(&str, String); 0])
}
