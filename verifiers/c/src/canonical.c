/* The canonical request and the string to sign. Never holds a secret, and never the whole text: it goes
 * to its sink in pieces. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static void flush(cs_sink *sink) {
    if (sink->used > 0 && !sink->has_failed) {
        sink->has_failed = !sink->write(sink->context, sink->buffer, sink->used);
    }
    sink->used = 0;
}

static void put(cs_sink *sink, char byte) {
    if (sink->used == sizeof sink->buffer) {
        flush(sink);
    }
    sink->buffer[sink->used++] = byte;
}

static void put_all(cs_sink *sink, countersign_bytes bytes) {
    for (size_t at = 0; at < bytes.length; at++) {
        put(sink, bytes.data[at]);
    }
}

/* The byte that is meant at `*at`, which is moved behind it. A `%` that begins no escape is one. */
static unsigned char unescaped(countersign_bytes bytes, size_t *at) {
    char byte = bytes.data[(*at)++];
    if (byte == '%' && bytes.length - *at >= 2) {
        int high = cs_hex_digit(bytes.data[*at]);
        int low = cs_hex_digit(bytes.data[*at + 1]);
        if (high >= 0 && low >= 0) {
            *at += 2;
            return (unsigned char)(high << 4 | low);
        }
    }
    return (unsigned char)byte;
}

static bool is_unreserved(unsigned char byte) {
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' || byte == '.' || byte == '~';
}

static void put_escaped(cs_sink *sink, unsigned char byte) {
    if (is_unreserved(byte)) {
        put(sink, (char)byte);
    } else {
        put(sink, '%');
        put(sink, "0123456789ABCDEF"[byte >> 4]);
        put(sink, "0123456789ABCDEF"[byte & 15]);
    }
}

static void put_path(cs_sink *sink, countersign_bytes path) {
    unsigned char last = 0;
    for (size_t at = 0; at < path.length;) {
        last = unescaped(path, &at);
        if (last == '/') {
            put(sink, '/');
        } else {
            put_escaped(sink, last);
        }
    }
    if (last != '/') {
        put(sink, '/');
    }
}

typedef struct parameter {
    countersign_bytes name;
    countersign_bytes value;
} parameter;

static int compare_unescaped(countersign_bytes one, countersign_bytes other) {
    size_t at = 0;
    size_t other_at = 0;
    while (at < one.length && other_at < other.length) {
        int order = unescaped(one, &at) - unescaped(other, &other_at);
        if (order != 0) {
            return order;
        }
    }
    return (at < one.length) - (other_at < other.length);
}

static int by_what_is_meant(const void *one, const void *other) {
    const parameter *first = one;
    const parameter *second = other;
    int order = compare_unescaped(first->name, second->name);
    return order != 0 ? order : compare_unescaped(first->value, second->value);
}

static void put_query_part(cs_sink *sink, countersign_bytes part) {
    for (size_t at = 0; at < part.length;) {
        put_escaped(sink, unescaped(part, &at));
    }
}

/* Takes 32 bytes of memory for each parameter, to sort them; false where there is none. */
static bool put_query(cs_sink *sink, countersign_bytes query) {
    size_t most = 1;
    for (size_t at = 0; at < query.length; at++) {
        most += query.data[at] == '&';
    }
    parameter *parameters = calloc(most, sizeof *parameters);
    if (parameters == NULL) {
        return false;
    }
    size_t count = 0;
    bool is_over = false;
    countersign_bytes part;
    while (cs_next_part(&query, &is_over, '&', &part)) {
        size_t equals = cs_find(part, '=');
        size_t value = equals == part.length ? equals : equals + 1;
        if (equals > 0) {
            parameters[count].name = cs_slice(part, 0, equals);
            parameters[count++].value = cs_slice(part, value, part.length);
        }
    }
    cs_sort(parameters, count, sizeof *parameters, by_what_is_meant);
    for (size_t at = 0; at < count; at++) {
        if (at > 0) {
            put(sink, '&');
        }
        put_query_part(sink, parameters[at].name);
        put(sink, '=');
        put_query_part(sink, parameters[at].value);
    }
    free(parameters);
    return true;
}

bool cs_canonical_write(const countersign_request *request, const cs_headers *headers,
                     countersign_bytes signed_names, cs_sink *sink) {
    for (size_t at = 0; at < request->method.length; at++) {
        char byte = request->method.data[at];
        put(sink, byte >= 'a' && byte <= 'z' ? (char)(byte - 'a' + 'A') : byte);
    }
    put(sink, '\n');
    countersign_bytes target = request->target;
    size_t path_end = cs_find(target, '?');
    put_path(sink, cs_slice(target, 0, path_end));
    put(sink, '\n');
    size_t query = path_end == target.length ? path_end : path_end + 1;
    if (!put_query(sink, cs_slice(target, query, target.length))) {
        return false;
    }
    put(sink, '\n');
    countersign_bytes names = signed_names;
    countersign_bytes name;
    bool is_over = false;
    while (cs_next_part(&names, &is_over, ';', &name)) {
        const countersign_header *header = NULL;
        if (cs_headers_find(headers, name, &header) != 1) {
            return false;
        }
        put_all(sink, name);
        put(sink, ':');
        put_all(sink, cs_trimmed(header->value));
        put(sink, '\n');
    }
    put(sink, '\n');
    put_all(sink, signed_names);
    put(sink, '\n');
    flush(sink);
    return !sink->has_failed;
}

void cs_string_to_sign(const char *date, const unsigned char *digest, char *text) {
    size_t scheme = sizeof ALGORITHM - 1;
    memcpy(text, ALGORITHM "\n", scheme + 1);
    memcpy(text + scheme + 1, date, DATE_BYTES);
    text[scheme + 1 + DATE_BYTES] = '\n';
    cs_to_hex(digest, DIGEST_BYTES, text + scheme + 2 + DATE_BYTES);
}
