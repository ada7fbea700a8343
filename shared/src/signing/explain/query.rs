//! Mistakes with the query.

use super::mistake::{
    ESCAPES_IN_LOWER_CASE, Mistake, QUERY_AS_SENT, QUERY_EMPTY_VALUES_DROPPED,
    QUERY_EQUALS_SIGN_DROPPED, QUERY_ESCAPED_LIKE_JAVASCRIPT, QUERY_ESCAPED_TWICE, QUERY_MISSING,
    QUERY_PLUS_NOT_ESCAPED, QUERY_PLUS_READ_AS_SPACE, QUERY_REPEATED_NAMES_DROPPED,
    QUERY_SLASH_NOT_ESCAPED, QUERY_SORTED_BY_NAME_ONLY, QUERY_SPACE_WRITTEN_AS_PLUS,
    QUERY_UNSORTED,
};
use super::path::{escaped_again, like_javascript, lower_case_escapes, replaced};
use super::recipe::{Part, Recipe, canonical_query};
use super::{Change, Questioned};

pub(super) fn changes(right: &Recipe, request: &Questioned<'_>, changes: &mut Vec<Change>) {
    let (_, sent) = request.received.path_and_query();
    let canonical = &right.query;
    let mut push = |mistake: Mistake, query: Vec<u8>| changes.push((mistake, Part::Query(query)));
    push(QUERY_MISSING, Vec::new());
    push(QUERY_AS_SENT, sent.as_bytes().to_vec());
    push(QUERY_PLUS_READ_AS_SPACE, canonical_query(&sent.replace('+', "%20")));
    push(QUERY_SPACE_WRITTEN_AS_PLUS, replaced(canonical, b"%20", b"+"));
    push(QUERY_PLUS_NOT_ESCAPED, replaced(canonical, b"%2B", b"+"));
    push(QUERY_SLASH_NOT_ESCAPED, replaced(canonical, b"%2F", b"/"));
    push(QUERY_ESCAPED_TWICE, escaped_again(canonical));
    push(QUERY_ESCAPED_LIKE_JAVASCRIPT, like_javascript(canonical));
    push(ESCAPES_IN_LOWER_CASE, lower_case_escapes(canonical));

    // As it was sent, each parameter written as it should be.
    let in_order: Vec<Vec<u8>> =
        sent.split('&').map(canonical_query).filter(|parameter| !parameter.is_empty()).collect();
    push(QUERY_UNSORTED, in_order.join(&b'&'));
    let mut by_name = in_order.clone();
    by_name.sort_by(|one, two| name(one).cmp(name(two)));
    push(QUERY_SORTED_BY_NAME_ONLY, by_name.join(&b'&'));

    let sorted: Vec<&[u8]> = canonical.split(|byte| *byte == b'&').collect();
    let has_value = |parameter: &&&[u8]| !parameter.ends_with(b"=");
    let with_values: Vec<&[u8]> = sorted.iter().filter(has_value).copied().collect();
    push(QUERY_EMPTY_VALUES_DROPPED, with_values.join(&b'&'));
    let without_sign: Vec<&[u8]> =
        sorted.iter().map(|parameter| parameter.strip_suffix(b"=").unwrap_or(parameter)).collect();
    push(QUERY_EQUALS_SIGN_DROPPED, without_sign.join(&b'&'));
    // A map keeps the first or the last that was sent.
    for keeps_last in [false, true] {
        push(QUERY_REPEATED_NAMES_DROPPED, one_of_each(&in_order, keeps_last));
    }
}

fn one_of_each(in_order: &[Vec<u8>], keeps_last: bool) -> Vec<u8> {
    let mut kept: Vec<&Vec<u8>> = Vec::new();
    for parameter in in_order {
        match kept.iter_mut().find(|known| name(known) == name(parameter)) {
            None => kept.push(parameter),
            Some(known) if keeps_last => *known = parameter,
            Some(_) => {}
        }
    }
    kept.sort();
    kept.iter().map(|parameter| parameter.as_slice()).collect::<Vec<_>>().join(&b'&')
}

fn name(parameter: &[u8]) -> &[u8] {
    parameter.split(|byte| *byte == b'=').next().unwrap_or_default()
}
