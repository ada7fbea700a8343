//! The service of the master key: which one is in use, and going over to the next one. No key comes in
//! by it or goes out.

use countersign_proto::v1;
use countersign_proto::v1::master_keys_server::MasterKeys;
use tonic::{Code, Request, Response, Status};

use super::write::{Caller, Write};
use super::{Api, status};
use crate::command::Command;
use crate::engine::RotateError;

#[tonic::async_trait]
impl MasterKeys for Api {
    async fn get_master_key(
        &self,
        _request: Request<v1::GetMasterKeyRequest>,
    ) -> Result<Response<v1::GetMasterKeyResponse>, Status> {
        let (number, keystore_epoch) =
            self.engine.master_key().await.map_err(|error| of_rotate(&error))?;
        let next = self.next_master_key.as_ref();
        Ok(Response::new(v1::GetMasterKeyResponse {
            number,
            keystore_epoch,
            next_source: next.map(ToString::to_string).unwrap_or_default(),
            revision: self.engine.view().tip.head.revision,
        }))
    }

    async fn rotate_master_key(
        &self,
        request: Request<v1::RotateMasterKeyRequest>,
    ) -> Result<Response<v1::RotateMasterKeyResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let write = Write::begin(caller.because(&request.reason), &request, "", None);
        if !write.bad.is_empty() {
            return write.refuse(self, status::invalid);
        }
        // Nothing takes a rotation back: whoever may not have the command below must not come this far.
        let number = match self.rotate().await {
            Ok(number) => number,
            Err(refused) => return write.refuse(self, |_| refused),
        };
        tracing::info!(number, "the master key was rotated; the former one opens nothing any more");
        let command = Command::NoteMasterKey { number };
        let answer = write.execute(self, Some(command)).await?;
        Ok(Response::new(v1::RotateMasterKeyResponse { number, revision: answer.revision }))
    }
}

impl Api {
    async fn rotate(&self) -> Result<u32, Status> {
        let Some(next) = self.next_master_key.clone() else {
            let message = "the control plane was not told where the next master key is: start it \
                           with --next-master-key-file or --next-master-key-command";
            return Err(unreadable(message.to_owned()));
        };
        let read = tokio::task::spawn_blocking(move || next.read()).await;
        let read = read.map_err(|_| Status::internal("the next master key could not be read"))?;
        let master = read.map_err(|error| unreadable(format!("the next master key: {error}")))?;
        self.engine.rotate(master).await.map_err(|error| of_rotate(&error))
    }
}

fn unreadable(message: String) -> Status {
    status::status(Code::FailedPrecondition, "NEXT_MASTER_KEY_UNREADABLE", message, [])
}

fn of_rotate(error: &RotateError) -> Status {
    let message = error.to_string();
    match error {
        RotateError::InUse => {
            status::status(Code::FailedPrecondition, "MASTER_KEY_IN_USE", message, [])
        }
        RotateError::Shared => {
            status::status(Code::FailedPrecondition, "MASTER_KEY_SHARED", message, [])
        }
        RotateError::Full(_) => status::status(Code::ResourceExhausted, "DISK_FULL", message, []),
        RotateError::Stopped => status::status(Code::Unavailable, "STOPPING", message, []),
    }
}
