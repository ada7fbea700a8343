//! The service of environments.

use countersign_proto::v1;
use countersign_proto::v1::environments_server::Environments;
use countersign_shared::event::Event;
use countersign_shared::id::EnvironmentId;
use countersign_shared::text::{EnvironmentName, Remark};
use tonic::{Request, Response, Status};

use super::page::{Page, contains};
use super::write::{Caller, Write};
use super::{Api, status, views};
use crate::clock;
use crate::command::{Answer, Command, Reference};
use crate::decide::find_environment;

#[tonic::async_trait]
impl Environments for Api {
    async fn create_environment(
        &self,
        request: Request<v1::CreateEnvironmentRequest>,
    ) -> Result<Response<v1::CreateEnvironmentResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let mut write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let asked = request.environment.unwrap_or_default();
        let name = write.take("environment.name", EnvironmentName::parse(&asked.name));
        let remark = write.take("environment.remark", Remark::parse(&asked.remark));
        let id = EnvironmentId::from_bytes(clock::new_id());
        let command =
            name.zip(remark).map(|(name, remark)| Command::CreateEnvironment { id, name, remark });
        let answer = write.execute(self, command).await?;
        let environment = made(&answer).and_then(|id| views::environment(&answer.state, id));
        Ok(Response::new(v1::CreateEnvironmentResponse { environment, revision: answer.revision }))
    }

    async fn get_environment(
        &self,
        request: Request<v1::GetEnvironmentRequest>,
    ) -> Result<Response<v1::GetEnvironmentResponse>, Status> {
        let view = self.engine.view();
        let id = find_environment(&view.state, &request.get_ref().environment)
            .map_err(status::of_rejection)?
            .fields
            .id;
        let environment = views::environment(&view.state, id);
        Ok(Response::new(v1::GetEnvironmentResponse {
            environment,
            revision: view.tip.head.revision,
        }))
    }

    async fn list_environments(
        &self,
        request: Request<v1::ListEnvironmentsRequest>,
    ) -> Result<Response<v1::ListEnvironmentsResponse>, Status> {
        let request = request.into_inner();
        let page = Page::parse(request.page_size, &request.page_token)?;
        let view = self.engine.view();
        let named = view.state.environments().iter().filter(|(_, environment)| {
            contains(environment.fields.name.as_str(), &request.name_contains)
        });
        let (ids, next_page_token) = page.of(named.map(|(id, _)| (*id.as_bytes(), *id)));
        let environments =
            ids.into_iter().filter_map(|id| views::environment(&view.state, id)).collect();
        let revision = view.tip.head.revision;
        Ok(Response::new(v1::ListEnvironmentsResponse { environments, next_page_token, revision }))
    }

    async fn update_environment(
        &self,
        request: Request<v1::UpdateEnvironmentRequest>,
    ) -> Result<Response<v1::UpdateEnvironmentResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let mut write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let asked = request.environment.unwrap_or_default();
        let mask = write.mask(request.update_mask.as_ref(), &["name", "remark"]);
        let name = write
            .take_if(mask.has("name"), "environment.name", || EnvironmentName::parse(&asked.name));
        let remark = write
            .take_if(mask.has("remark"), "environment.remark", || Remark::parse(&asked.remark));
        let environment = Reference(asked.id.clone());
        let answer = write
            .execute(self, Some(Command::UpdateEnvironment { environment, name, remark }))
            .await?;
        let id = made(&answer)
            .or_else(|| Some(find_environment(&answer.state, &asked.id).ok()?.fields.id));
        let environment = id.and_then(|id| views::environment(&answer.state, id));
        Ok(Response::new(v1::UpdateEnvironmentResponse { environment, revision: answer.revision }))
    }

    async fn delete_environment(
        &self,
        request: Request<v1::DeleteEnvironmentRequest>,
    ) -> Result<Response<v1::DeleteEnvironmentResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let environment = Reference(request.environment);
        let answer = write.execute(self, Some(Command::DeleteEnvironment { environment })).await?;
        Ok(Response::new(v1::DeleteEnvironmentResponse { revision: answer.revision }))
    }
}

fn made(answer: &Answer) -> Option<EnvironmentId> {
    answer.records.iter().find_map(|record| match &record.event {
        Event::EnvironmentCreated(fields) | Event::EnvironmentUpdated(fields) => Some(fields.id),
        _ => None,
    })
}
