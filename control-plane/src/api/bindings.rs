//! The service of bindings.

use countersign_proto::v1;
use countersign_proto::v1::bindings_server::Bindings;
use countersign_shared::event::Event;
use countersign_shared::state::Place;
use tonic::{Request, Response, Status};

use super::apis::{PlaceFilter, named, place_of};
use super::page::Page;
use super::write::{Caller, Write};
use super::{Api, status, views};
use crate::command::{Answer, Command, Reference};
use crate::decide::{find_api, find_environment, find_key};
use crate::rejection::Rejection;

#[tonic::async_trait]
impl Bindings for Api {
    async fn create_binding(
        &self,
        request: Request<v1::CreateBindingRequest>,
    ) -> Result<Response<v1::CreateBindingResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let command = Command::BindKey {
            key: Reference(request.signature_key),
            api: Reference(request.api.clone()),
            environment: Reference(request.environment.clone()),
            replace: request.replace,
        };
        let answer = write.execute(self, Some(command)).await?;
        let (place, replaced) = match bound(&answer) {
            Some((place, replaced)) => (Some(place), replaced),
            None => (place_of(&answer.state, &request.api, &request.environment), String::new()),
        };
        Ok(Response::new(v1::CreateBindingResponse {
            binding: place.and_then(|place| views::binding(&answer.state, place)),
            revision: answer.revision,
            replaced_signature_key: replaced,
        }))
    }

    async fn get_binding(
        &self,
        request: Request<v1::GetBindingRequest>,
    ) -> Result<Response<v1::GetBindingResponse>, Status> {
        let request = request.into_inner();
        let view = self.engine.view();
        let state = &view.state;
        let api = &find_api(state, &request.api).map_err(status::of_rejection)?.fields;
        let environment =
            &find_environment(state, &request.environment).map_err(status::of_rejection)?.fields;
        let Some(binding) = views::binding(state, (environment.id, api.id)) else {
            let (api, environment) = (api.name.to_string(), environment.name.to_string());
            return Err(status::of_rejection(Rejection::NotBound { api, environment }));
        };
        Ok(Response::new(v1::GetBindingResponse {
            binding: Some(binding),
            revision: view.tip.head.revision,
        }))
    }

    async fn list_bindings(
        &self,
        request: Request<v1::ListBindingsRequest>,
    ) -> Result<Response<v1::ListBindingsResponse>, Status> {
        let request = request.into_inner();
        let page = Page::parse(request.page_size, &request.page_token)?;
        let view = self.engine.view();
        let state = &view.state;
        let key = named(&request.signature_key, |text| Ok(find_key(state, text)?.id))?;
        let wanted = PlaceFilter::parse(
            state,
            &request.api,
            &request.environment,
            &request.api_group,
            &request.api_name_contains,
        )?;
        let all: Box<dyn Iterator<Item = Place>> = match key {
            Some(key) => Box::new(state.index().bindings_of_key(key)),
            None => Box::new(state.bindings().keys().copied()),
        };
        let places = all.filter(|place| wanted.takes(state, *place));
        let (places, next_page_token) =
            page.of(places.map(|p| ((*p.0.as_bytes(), *p.1.as_bytes()), p)));
        let bindings =
            places.into_iter().filter_map(|place| views::binding(state, place)).collect();
        let revision = view.tip.head.revision;
        Ok(Response::new(v1::ListBindingsResponse { bindings, next_page_token, revision }))
    }

    async fn delete_binding(
        &self,
        request: Request<v1::DeleteBindingRequest>,
    ) -> Result<Response<v1::DeleteBindingResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let (api, environment) = (Reference(request.api), Reference(request.environment));
        let answer = write.execute(self, Some(Command::UnbindKey { api, environment })).await?;
        Ok(Response::new(v1::DeleteBindingResponse { revision: answer.revision }))
    }
}

/// Where the request bound a key, and the id of the one that it replaced.
fn bound(answer: &Answer) -> Option<(Place, String)> {
    answer.records.iter().find_map(|record| match &record.event {
        Event::KeyBound { api, environment, .. } => Some(((*environment, *api), String::new())),
        Event::KeyRebound { api, environment, former_key, .. } => {
            Some(((*environment, *api), former_key.to_string()))
        }
        _ => None,
    })
}
