//! A moment of the log, by its revision or by a time.

use std::str::FromStr;

use countersign_proto::v1::get_state_request::At;
use countersign_proto::v1::{GetStateRequest, Resource, StateHead};

use crate::client::ControlPlane;
use crate::failure::Failure;
use crate::moment;

#[derive(Debug, Clone)]
pub(super) struct Moment(At);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(revision) = text.parse() {
            return Ok(Self(At::Revision(revision)));
        }
        let time = moment::parse(text)
            .map_err(|error| format!("a moment is a revision, or a time: {error}"))?;
        Ok(Self(At::Time(time)))
    }
}

impl Moment {
    /// Hands over each resource that was there then, and gives where in the log that was.
    pub(super) async fn each(
        self,
        plane: &ControlPlane,
        resource: &str,
        mut take: impl FnMut(Resource) -> Result<(), Failure>,
    ) -> Result<StateHead, Failure> {
        let request = GetStateRequest { at: Some(self.0), resource: resource.to_owned() };
        let mut pages = plane.audit().get_state(request).await?.into_inner();
        let mut head = StateHead::default();
        while let Some(page) = pages.message().await? {
            head = page.head.unwrap_or(head);
            page.resources.into_iter().try_for_each(&mut take)?;
        }
        Ok(head)
    }
}
