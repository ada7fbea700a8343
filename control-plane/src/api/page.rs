//! Pages of a list: a stable order, a token that says after which item to go on.

use countersign_proto::convert::InvalidField;
use data_encoding::HEXLOWER;
use tonic::Status;

use super::status;

pub(super) const PAGE_SIZE_DEFAULT: usize = 100;
pub(super) const PAGE_SIZE_MAX: usize = 1_000;

/// A position in a list, as a token holds it. Its order is that of the list.
pub(super) trait Position: Sized + Copy + Ord {
    fn to_bytes(self) -> Vec<u8>;
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Position for [u8; 16] {
    fn to_bytes(self) -> Vec<u8> {
        self.to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok()
    }
}

impl Position for ([u8; 16], [u8; 16]) {
    fn to_bytes(self) -> Vec<u8> {
        [self.0, self.1].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, second) = bytes.split_at_checked(16)?;
        Some((first.try_into().ok()?, second.try_into().ok()?))
    }
}

impl Position for u64 {
    fn to_bytes(self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

/// The part of a list that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<P> {
    pub(super) size: usize,
    /// The last item of the page before.
    pub(super) after: Option<P>,
}

impl<P: Position> Page<P> {
    pub(super) fn parse(page_size: i32, page_token: &str) -> Result<Self, Status> {
        let mut bad = Vec::new();
        let size = match usize::try_from(page_size) {
            Ok(0) => PAGE_SIZE_DEFAULT,
            Ok(size) => size.min(PAGE_SIZE_MAX),
            Err(_) => {
                bad.push(InvalidField::new(
                    "page_size",
                    format!("1–{PAGE_SIZE_MAX}, or 0 for {PAGE_SIZE_DEFAULT}"),
                ));
                0
            }
        };
        let after = if page_token.is_empty() {
            None
        } else {
            let position =
                HEXLOWER.decode(page_token.as_bytes()).ok().and_then(|bytes| P::from_bytes(&bytes));
            if position.is_none() {
                bad.push(InvalidField::new(
                    "page_token",
                    "the next_page_token of the page before, unchanged",
                ));
            }
            position
        };
        if bad.is_empty() { Ok(Self { size, after }) } else { Err(status::invalid(bad)) }
    }

    /// The page's items out of all, which come in order, and the token of the next page.
    pub(super) fn of<T>(self, all: impl Iterator<Item = (P, T)>) -> (Vec<T>, String) {
        let mut wanted =
            all.filter(|(position, _)| self.after.is_none_or(|after| *position > after));
        let mut items = Vec::new();
        let mut last = None;
        for (position, item) in wanted.by_ref().take(self.size) {
            last = Some(position);
            items.push(item);
        }
        let more = wanted.next().is_some();
        let token = last.filter(|_| more).map(token).unwrap_or_default();
        (items, token)
    }
}

/// How many there are in all, where that was asked for: it takes a look at each.
pub(super) fn total(wanted: bool, all: impl Iterator) -> u64 {
    if wanted { all.count() as u64 } else { 0 }
}

pub(super) fn token<P: Position>(position: P) -> String {
    HEXLOWER.encode(&position.to_bytes())
}

/// Whether a name contains a keyword, upper and lower case alike; every name contains none.
pub(super) fn contains(name: &str, keyword: &str) -> bool {
    keyword.is_empty() || name.to_lowercase().contains(&keyword.to_lowercase())
}
