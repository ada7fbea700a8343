//! Puts the signature on a request that is ready to be sent: the last thing that happens to it.
//! It never decides whether to sign, and forwards nothing.

use std::cell::{RefCell, RefMut};
use std::time::{Duration, Instant, UNIX_EPOCH};

use countersign_shared::signing::{
    HmacSigner, Payload, SdkDate, SignRequest, Target, UNSIGNED_PAYLOAD,
};
use http::{HeaderValue, Method};

use super::ours::{Authorization, Signature};
use super::refusal::Refusal;
use crate::clock;
use crate::table::Signer;

/// Room for the longest usual canonical request, so that the buffer need not grow.
const CANONICAL_BYTES_USUAL: usize = 1024;
const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// A worker's writing desk: the date, written once a second.
pub(super) struct Seal {
    date: RefCell<WrittenDate>,
}

#[derive(Debug)]
struct WrittenDate {
    date: SdkDate,
    http_date: HeaderValue,
    /// When the next second begins.
    good_until: Instant,
}

impl Seal {
    pub(super) fn new() -> Self {
        Self { date: RefCell::new(WrittenDate::now(clock::now())) }
    }

    /// The time as HTTP's `Date` says it.
    pub(super) fn http_date(&self, now: Instant) -> HeaderValue {
        self.written(now).http_date.clone()
    }

    /// The date of this second.
    fn written(&self, now: Instant) -> RefMut<'_, WrittenDate> {
        let mut written = self.date.borrow_mut();
        if now >= written.good_until {
            *written = WrittenDate::now(now);
        }
        written
    }

    /// Signs, for the Host that the backend will see.
    pub(super) fn sign<'s>(
        &self,
        signer: &'s Signer,
        method: &Method,
        target: &Target,
        payload: Payload,
        now: Instant,
        host: &HeaderValue,
    ) -> Result<Signature<'s>, Refusal> {
        match signer {
            Signer::Basic(value) => {
                let authorization = Authorization::Prepared(value);
                Ok(Signature { authorization, date: None, content: None })
            }
            Signer::Hmac(signer) => self.sign_hmac(signer, method, target, payload, now, host),
        }
    }

    fn sign_hmac(
        &self,
        signer: &HmacSigner,
        method: &Method,
        target: &Target,
        payload: Payload,
        now: Instant,
        host: &HeaderValue,
    ) -> Result<Signature<'static>, Refusal> {
        let date = self.written(now).date;
        let host = host.to_str().map_err(|_| Refusal::SigningFailed)?;
        let request = SignRequest { method: method.as_str(), target, host, date: &date, payload };
        let mut authorization = Vec::with_capacity(CANONICAL_BYTES_USUAL);
        signer.sign(&request, &mut authorization);
        let is_unsigned = payload == Payload::Unsigned;
        Ok(Signature {
            authorization: Authorization::Made(authorization),
            date: Some(date),
            content: is_unsigned.then_some(UNSIGNED_PAYLOAD),
        })
    }
}

impl WrittenDate {
    fn now(now: Instant) -> Self {
        let since = clock::since_1970();
        let date = SdkDate::from_unix_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        let http_date = httpdate::fmt_http_date(UNIX_EPOCH + since);
        let http_date = HeaderValue::try_from(http_date);
        let http_date = http_date.unwrap_or_else(|_| HeaderValue::from_static(""));
        let rest_of_second = Duration::from_nanos((NANOS_PER_SECOND - since.subsec_nanos()).into());
        Self { date, http_date, good_until: now + rest_of_second }
    }
}
