/* Headers by name. Sorted, so that thousands of names in thousands of headers are found in time. */
#include "internal.h"

#include <stdlib.h>

static int by_name(const void *one, const void *other) {
    const countersign_header *const *first = one;
    const countersign_header *const *second = other;
    return cs_compare_names((*first)->name, (*second)->name);
}

bool cs_headers_index(const countersign_request *request, cs_headers *headers) {
    size_t count = request->header_count;
    headers->count = count;
    headers->sorted = calloc(count == 0 ? 1 : count, sizeof *headers->sorted);
    if (headers->sorted == NULL) {
        return false;
    }
    for (size_t at = 0; at < count; at++) {
        headers->sorted[at] = &request->headers[at];
    }
    cs_sort(headers->sorted, count, sizeof *headers->sorted, by_name);
    return true;
}

size_t cs_headers_find(const cs_headers *headers, countersign_bytes name, const countersign_header **found) {
    size_t low = 0;
    size_t high = headers->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cs_compare_names(headers->sorted[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    size_t end = low;
    while (end < headers->count && cs_compare_names(headers->sorted[end]->name, name) == 0) {
        *found = headers->sorted[end++];
    }
    return end - low;
}
