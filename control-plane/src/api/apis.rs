//! The service of APIs and their publication.

use std::sync::Arc;

use countersign_proto::convert::InvalidField;
use countersign_proto::v1;
use countersign_proto::v1::apis_server::Apis;
use countersign_shared::event::Event;
use countersign_shared::id::ApiId;
use countersign_shared::state::{Api as StoredApi, Place, State};
use countersign_shared::text::{ApiName, Remark};
use tonic::{Request, Response, Status};

use super::api_fields::{self, UPDATABLE};
use super::page::{Page, contains, total};
use super::write::{Caller, Write};
use super::{Api, status, views};
use crate::clock;
use crate::command::{Answer, Command, Reference};
use crate::decide::{find_api, find_environment, find_group};

#[tonic::async_trait]
impl Apis for Api {
    async fn create_api(
        &self,
        request: Request<v1::CreateApiRequest>,
    ) -> Result<Response<v1::CreateApiResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let mut write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let asked = request.api.unwrap_or_default();
        let name = write.take("api.name", ApiName::parse(&asked.name));
        let remark = write.take("api.remark", Remark::parse(&asked.remark));
        let definition = api_fields::definition(&mut write, &asked);
        let command = match (name, remark, definition) {
            (Some(name), Some(remark), Some(definition)) => Some(Command::CreateApi {
                id: ApiId::from_bytes(clock::new_id()),
                group: Reference(asked.api_group),
                name,
                remark,
                definition: Arc::new(definition),
            }),
            _ => None,
        };
        let answer = write.execute(self, command).await?;
        let api = made(&answer).and_then(|id| views::api(&answer.state, id));
        Ok(Response::new(v1::CreateApiResponse { api, revision: answer.revision }))
    }

    async fn get_api(
        &self,
        request: Request<v1::GetApiRequest>,
    ) -> Result<Response<v1::GetApiResponse>, Status> {
        let view = self.engine.view();
        let id =
            find_api(&view.state, &request.get_ref().api).map_err(status::of_rejection)?.fields.id;
        let api = views::api(&view.state, id);
        Ok(Response::new(v1::GetApiResponse { api, revision: view.tip.head.revision }))
    }

    async fn list_apis(
        &self,
        request: Request<v1::ListApisRequest>,
    ) -> Result<Response<v1::ListApisResponse>, Status> {
        let request = request.into_inner();
        let page = Page::parse(request.page_size, &request.page_token)?;
        let view = self.engine.view();
        let wanted = ApiFilter::parse(&view.state, &request)?;
        let apis = view.state.apis().iter().filter(|(_, api)| wanted.takes(&view.state, api));
        let total_size = total(request.count, apis.clone());
        let (ids, next_page_token) = page.of(apis.map(|(id, _)| (*id.as_bytes(), *id)));
        let apis = ids.into_iter().filter_map(|id| views::api(&view.state, id)).collect();
        Ok(Response::new(v1::ListApisResponse {
            apis,
            next_page_token,
            revision: view.tip.head.revision,
            total_size,
        }))
    }

    async fn update_api(
        &self,
        request: Request<v1::UpdateApiRequest>,
    ) -> Result<Response<v1::UpdateApiResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let mut write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let asked = request.api.unwrap_or_default();
        let mask = write.mask(request.update_mask.as_ref(), &UPDATABLE);
        let name = write.take_if(mask.has("name"), "api.name", || ApiName::parse(&asked.name));
        let remark =
            write.take_if(mask.has("remark"), "api.remark", || Remark::parse(&asked.remark));
        let patch = Box::new(api_fields::patch(&mut write, &mask, &asked));
        let api = Reference(asked.id.clone());
        let answer =
            write.execute(self, Some(Command::UpdateApi { api, name, remark, patch })).await?;
        let id = made(&answer).or_else(|| Some(find_api(&answer.state, &asked.id).ok()?.fields.id));
        let api = id.and_then(|id| views::api(&answer.state, id));
        Ok(Response::new(v1::UpdateApiResponse { api, revision: answer.revision }))
    }

    async fn delete_api(
        &self,
        request: Request<v1::DeleteApiRequest>,
    ) -> Result<Response<v1::DeleteApiResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let command = Command::DeleteApi { api: Reference(request.api), force: request.force };
        let answer = write.execute(self, Some(command)).await?;
        Ok(Response::new(v1::DeleteApiResponse { revision: answer.revision }))
    }

    async fn publish_api(
        &self,
        request: Request<v1::PublishApiRequest>,
    ) -> Result<Response<v1::PublishApiResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let (api, environment) =
            (Reference(request.api.clone()), Reference(request.environment.clone()));
        let answer = write.execute(self, Some(Command::PublishApi { api, environment })).await?;
        let place = published(&answer)
            .or_else(|| place_of(&answer.state, &request.api, &request.environment));
        let publication = place.and_then(|place| views::publication(&answer.state, place));
        Ok(Response::new(v1::PublishApiResponse { publication, revision: answer.revision }))
    }

    async fn take_api_offline(
        &self,
        request: Request<v1::TakeApiOfflineRequest>,
    ) -> Result<Response<v1::TakeApiOfflineResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let (api, environment) = (Reference(request.api), Reference(request.environment));
        let answer =
            write.execute(self, Some(Command::TakeApiOffline { api, environment })).await?;
        Ok(Response::new(v1::TakeApiOfflineResponse { revision: answer.revision }))
    }

    async fn list_publications(
        &self,
        request: Request<v1::ListPublicationsRequest>,
    ) -> Result<Response<v1::ListPublicationsResponse>, Status> {
        let request = request.into_inner();
        let page = Page::parse(request.page_size, &request.page_token)?;
        let view = self.engine.view();
        let state = &view.state;
        let wanted = PlaceFilter::parse(
            state,
            &request.api,
            &request.environment,
            &request.api_group,
            &request.api_name_contains,
        )?;
        let bound = |place: &Place| {
            request.bound.is_none_or(|bound| bound == state.bindings().contains_key(place))
        };
        let places = state
            .publications()
            .iter()
            .map(|(place, _)| place)
            .filter(|place| wanted.takes(state, **place) && bound(place));
        let total_size = total(request.count, places.clone());
        let (places, next_page_token) =
            page.of(places.map(|p| ((*p.0.as_bytes(), *p.1.as_bytes()), *p)));
        let publications =
            places.into_iter().filter_map(|place| views::publication(state, place)).collect();
        let revision = view.tip.head.revision;
        Ok(Response::new(v1::ListPublicationsResponse {
            publications,
            next_page_token,
            revision,
            total_size,
        }))
    }
}

struct ApiFilter<'a> {
    group: Option<countersign_shared::id::GroupId>,
    environment: Option<countersign_shared::id::EnvironmentId>,
    name_contains: &'a str,
    bound: Option<bool>,
}

impl<'a> ApiFilter<'a> {
    fn parse(state: &State, request: &'a v1::ListApisRequest) -> Result<Self, Status> {
        if request.bound.is_some() && request.environment.is_empty() {
            let rule = "only together with environment: an API is bound in an environment";
            return Err(status::invalid(vec![InvalidField::new("bound", rule)]));
        }
        let group = named(&request.api_group, |text| Ok(find_group(state, text)?.fields.id))?;
        let environment =
            named(&request.environment, |text| Ok(find_environment(state, text)?.fields.id))?;
        Ok(Self { group, environment, name_contains: &request.name_contains, bound: request.bound })
    }

    fn takes(&self, state: &State, api: &StoredApi) -> bool {
        let place = |environment| (environment, api.fields.id);
        self.group.is_none_or(|group| api.fields.group == group)
            && contains(api.fields.name.as_str(), self.name_contains)
            && self.environment.is_none_or(|environment| {
                state.publications().contains_key(&place(environment))
                    && self.bound.is_none_or(|bound| {
                        bound == state.bindings().contains_key(&place(environment))
                    })
            })
    }
}

/// By API, environment, group and API name keyword: how publications and bindings are looked for.
#[derive(Debug)]
pub(super) struct PlaceFilter<'a> {
    api: Option<ApiId>,
    environment: Option<countersign_shared::id::EnvironmentId>,
    group: Option<countersign_shared::id::GroupId>,
    api_name_contains: &'a str,
}

impl<'a> PlaceFilter<'a> {
    pub(super) fn parse(
        state: &State,
        api: &str,
        environment: &str,
        group: &str,
        api_name_contains: &'a str,
    ) -> Result<Self, Status> {
        Ok(Self {
            api: named(api, |text| Ok(find_api(state, text)?.fields.id))?,
            environment: named(environment, |text| Ok(find_environment(state, text)?.fields.id))?,
            group: named(group, |text| Ok(find_group(state, text)?.fields.id))?,
            api_name_contains,
        })
    }

    pub(super) fn takes(&self, state: &State, (environment, api): Place) -> bool {
        let fields = || state.apis().get(&api).map(|api| &api.fields);
        self.api.is_none_or(|wanted| wanted == api)
            && self.environment.is_none_or(|wanted| wanted == environment)
            && self.group.is_none_or(|wanted| fields().is_some_and(|fields| fields.group == wanted))
            && fields().is_some_and(|fields| contains(fields.name.as_str(), self.api_name_contains))
    }
}

/// What a filter names, or nothing where it is left out.
pub(super) fn named<T>(
    text: &str,
    find: impl FnOnce(&str) -> Result<T, crate::rejection::Rejection>,
) -> Result<Option<T>, Status> {
    if text.is_empty() { Ok(None) } else { find(text).map(Some).map_err(status::of_rejection) }
}

pub(super) fn place_of(state: &State, api: &str, environment: &str) -> Option<Place> {
    let environment = find_environment(state, environment).ok()?.fields.id;
    Some((environment, find_api(state, api).ok()?.fields.id))
}

fn made(answer: &Answer) -> Option<ApiId> {
    answer.records.iter().find_map(|record| match &record.event {
        Event::ApiCreated(fields) | Event::ApiUpdated(fields) => Some(fields.id),
        _ => None,
    })
}

fn published(answer: &Answer) -> Option<Place> {
    answer.records.iter().find_map(|record| match &record.event {
        Event::ApiPublished { api, environment, .. } => Some((*environment, *api)),
        _ => None,
    })
}
