//! The service of API groups.

use countersign_proto::convert::InvalidField;
use countersign_proto::v1;
use countersign_proto::v1::api_groups_server::ApiGroups;
use countersign_shared::event::Event;
use countersign_shared::id::GroupId;
use countersign_shared::text::{Domain, GroupName, Remark};
use tonic::{Request, Response, Status};

use super::page::{Page, contains};
use super::write::{Caller, Write};
use super::{Api, status, views};
use crate::clock;
use crate::command::{Answer, Command, Reference};
use crate::decide::find_group;

#[tonic::async_trait]
impl ApiGroups for Api {
    async fn create_api_group(
        &self,
        request: Request<v1::CreateApiGroupRequest>,
    ) -> Result<Response<v1::CreateApiGroupResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let mut write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let asked = request.api_group.unwrap_or_default();
        let name = write.take("api_group.name", GroupName::parse(&asked.name));
        let domains = domains(&mut write, &asked.domains);
        let remark = write.take("api_group.remark", Remark::parse(&asked.remark));
        let id = GroupId::from_bytes(clock::new_id());
        let command = match (name, remark) {
            (Some(name), Some(remark)) => Some(Command::CreateGroup { id, name, domains, remark }),
            _ => None,
        };
        let answer = write.execute(self, command).await?;
        let api_group = made(&answer).and_then(|id| views::group(&answer.state, id));
        Ok(Response::new(v1::CreateApiGroupResponse { api_group, revision: answer.revision }))
    }

    async fn get_api_group(
        &self,
        request: Request<v1::GetApiGroupRequest>,
    ) -> Result<Response<v1::GetApiGroupResponse>, Status> {
        let view = self.engine.view();
        let id = find_group(&view.state, &request.get_ref().api_group)
            .map_err(status::of_rejection)?
            .fields
            .id;
        let api_group = views::group(&view.state, id);
        Ok(Response::new(v1::GetApiGroupResponse { api_group, revision: view.tip.head.revision }))
    }

    async fn list_api_groups(
        &self,
        request: Request<v1::ListApiGroupsRequest>,
    ) -> Result<Response<v1::ListApiGroupsResponse>, Status> {
        let request = request.into_inner();
        let page = Page::parse(request.page_size, &request.page_token)?;
        let view = self.engine.view();
        let groups = view.state.groups().iter();
        let named = groups
            .filter(|(_, group)| contains(group.fields.name.as_str(), &request.name_contains));
        let (ids, next_page_token) = page.of(named.map(|(id, _)| (*id.as_bytes(), *id)));
        let api_groups = ids.into_iter().filter_map(|id| views::group(&view.state, id)).collect();
        let revision = view.tip.head.revision;
        Ok(Response::new(v1::ListApiGroupsResponse { api_groups, next_page_token, revision }))
    }

    async fn update_api_group(
        &self,
        request: Request<v1::UpdateApiGroupRequest>,
    ) -> Result<Response<v1::UpdateApiGroupResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let mut write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let asked = request.api_group.unwrap_or_default();
        let mask = write.mask(request.update_mask.as_ref(), &["name", "domains", "remark"]);
        let name =
            write.take_if(mask.has("name"), "api_group.name", || GroupName::parse(&asked.name));
        let domains = mask.has("domains").then(|| domains(&mut write, &asked.domains));
        let remark =
            write.take_if(mask.has("remark"), "api_group.remark", || Remark::parse(&asked.remark));
        let group = Reference(asked.id.clone());
        let answer = write
            .execute(self, Some(Command::UpdateGroup { group, name, domains, remark }))
            .await?;
        let id =
            made(&answer).or_else(|| Some(find_group(&answer.state, &asked.id).ok()?.fields.id));
        let api_group = id.and_then(|id| views::group(&answer.state, id));
        Ok(Response::new(v1::UpdateApiGroupResponse { api_group, revision: answer.revision }))
    }

    async fn delete_api_group(
        &self,
        request: Request<v1::DeleteApiGroupRequest>,
    ) -> Result<Response<v1::DeleteApiGroupResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let group = Reference(request.api_group);
        let answer = write.execute(self, Some(Command::DeleteGroup { group })).await?;
        Ok(Response::new(v1::DeleteApiGroupResponse { revision: answer.revision }))
    }
}

fn domains(write: &mut Write, texts: &[String]) -> Vec<Domain> {
    let parse = |(i, text): (usize, &String)| match Domain::parse(&text.to_ascii_lowercase()) {
        Ok(domain) => Some(domain),
        Err(error) => {
            write.bad.push(InvalidField::new(format!("api_group.domains[{i}]"), error));
            None
        }
    };
    texts.iter().enumerate().filter_map(parse).collect()
}

fn made(answer: &Answer) -> Option<GroupId> {
    answer.records.iter().find_map(|record| match &record.event {
        Event::GroupCreated(fields) | Event::GroupUpdated(fields) => Some(fields.id),
        _ => None,
    })
}
