//! What is asked of etcd, in the few forms that the log needs.

use crate::pb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::pb::range_request::SortOrder;
use crate::pb::request_op::Request;
use crate::pb::response_op::Response;
use crate::pb::{
    Compare, DeleteRangeRequest, KeyValue, PutRequest, RangeRequest, RequestOp, TxnResponse,
};

/// The key, if it is there.
pub fn one(key: &str) -> RangeRequest {
    RangeRequest { key: key.into(), ..RangeRequest::default() }
}

/// At most so many keys from one on, before another.
pub fn range(from: &str, before: &str, limit: i64) -> RangeRequest {
    let (key, range_end) = (from.into(), before.into());
    RangeRequest { key, range_end, limit, ..RangeRequest::default() }
}

/// The last key from one on, before another.
pub fn last(from: &str, before: &str) -> RangeRequest {
    RangeRequest { sort_order: SortOrder::Descend.into(), ..range(from, before, 1) }
}

pub fn read(range: RangeRequest) -> RequestOp {
    RequestOp { request: Some(Request::RequestRange(range)) }
}

/// A lease of 0 is none.
pub fn put(key: &str, value: Vec<u8>, lease: i64) -> RequestOp {
    let put = PutRequest { key: key.into(), value, lease };
    RequestOp { request: Some(Request::RequestPut(put)) }
}

pub fn delete(key: &str) -> RequestOp {
    let delete = DeleteRangeRequest { key: key.into() };
    RequestOp { request: Some(Request::RequestDeleteRange(delete)) }
}

/// The key was changed last at this revision of etcd; at 0 it is not there.
pub fn unchanged(key: &str, mod_revision: i64) -> Compare {
    equal(key, CompareTarget::Mod, TargetUnion::ModRevision(mod_revision))
}

pub fn absent(key: &str) -> Compare {
    equal(key, CompareTarget::Create, TargetUnion::CreateRevision(0))
}

pub fn holds(key: &str, value: Vec<u8>) -> Compare {
    equal(key, CompareTarget::Value, TargetUnion::Value(value))
}

fn equal(key: &str, target: CompareTarget, union: TargetUnion) -> Compare {
    Compare {
        result: CompareResult::Equal.into(),
        target: target.into(),
        key: key.into(),
        target_union: Some(union),
    }
}

/// What the reads of a transaction found, in order.
pub fn found(answer: TxnResponse) -> Vec<Vec<KeyValue>> {
    let ranges = answer.responses.into_iter().filter_map(|op| match op.response {
        Some(Response::ResponseRange(range)) => Some(range.kvs),
        _ => None,
    });
    ranges.collect()
}
