/* Bytes, read strictly and without a locale. Allocates nothing. */
#include "internal.h"

#include <string.h>

countersign_bytes countersign_text(const char *text) {
    countersign_bytes bytes = {text, text == NULL ? 0 : strlen(text)};
    return bytes;
}

char cs_lower(char byte) {
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

bool cs_is_space(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\f' || byte == '\r';
}

int cs_hex_digit(char byte) {
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte = cs_lower(byte);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

void cs_to_hex(const unsigned char *bytes, size_t length, char *hex) {
    for (size_t at = 0; at < length; at++) {
        hex[2 * at] = "0123456789abcdef"[bytes[at] >> 4];
        hex[2 * at + 1] = "0123456789abcdef"[bytes[at] & 15];
    }
}

countersign_bytes cs_slice(countersign_bytes bytes, size_t from, size_t to) {
    /* Nothing is added to a pointer that may be NULL. */
    countersign_bytes part = {from == 0 ? bytes.data : bytes.data + from, to - from};
    return part;
}

countersign_bytes cs_trimmed(countersign_bytes bytes) {
    size_t from = 0;
    size_t to = bytes.length;
    while (from < to && cs_is_space(bytes.data[from])) {
        from++;
    }
    while (to > from && cs_is_space(bytes.data[to - 1])) {
        to--;
    }
    return cs_slice(bytes, from, to);
}

bool cs_equal(countersign_bytes one, countersign_bytes other) {
    return one.length == other.length && cs_compare(one, other) == 0;
}

int cs_compare(countersign_bytes one, countersign_bytes other) {
    size_t shorter = one.length < other.length ? one.length : other.length;
    int order = shorter == 0 ? 0 : memcmp(one.data, other.data, shorter);
    if (order != 0) {
        return order;
    }
    return (one.length > other.length) - (one.length < other.length);
}

int cs_compare_names(countersign_bytes one, countersign_bytes other) {
    size_t shorter = one.length < other.length ? one.length : other.length;
    for (size_t at = 0; at < shorter; at++) {
        int order = (unsigned char)cs_lower(one.data[at]) - (unsigned char)cs_lower(other.data[at]);
        if (order != 0) {
            return order;
        }
    }
    return (one.length > other.length) - (one.length < other.length);
}

size_t cs_find(countersign_bytes bytes, char wanted) {
    const char *found = bytes.length == 0 ? NULL : memchr(bytes.data, wanted, bytes.length);
    return found == NULL ? bytes.length : (size_t)(found - bytes.data);
}

bool cs_take(countersign_bytes *bytes, const char *prefix) {
    size_t length = strlen(prefix);
    if (bytes->length < length || memcmp(bytes->data, prefix, length) != 0) {
        return false;
    }
    *bytes = cs_slice(*bytes, length, bytes->length);
    return true;
}

bool cs_next_part(countersign_bytes *rest, bool *is_over, char separator, countersign_bytes *part) {
    if (*is_over) {
        return false;
    }
    size_t end = cs_find(*rest, separator);
    *part = cs_slice(*rest, 0, end);
    *is_over = end == rest->length;
    if (!*is_over) {
        *rest = cs_slice(*rest, end + 1, rest->length);
    }
    return true;
}

bool cs_is_utf8(countersign_bytes bytes) {
    size_t at = 0;
    while (at < bytes.length) {
        unsigned char first = (unsigned char)bytes.data[at++];
        if (first < 0x80) {
            continue;
        }
        size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
        /* Overlong forms, surrogates and what lies past U+10FFFF show in the first two bytes. */
        unsigned char least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
        unsigned char most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        if (first < 0xC2 || first > 0xF4 || bytes.length - at < more) {
            return false;
        }
        for (; more > 0; more--) {
            unsigned char next = (unsigned char)bytes.data[at++];
            if (next < least || next > most) {
                return false;
            }
            least = 0x80;
            most = 0xBF;
        }
    }
    return true;
}

static void swap(char *one, char *other, size_t size) {
    char kept[32];
    memcpy(kept, one, size);
    memcpy(one, other, size);
    memcpy(other, kept, size);
}

static void sink_down(char *base, size_t root, size_t count, size_t size,
                      int (*order)(const void *, const void *)) {
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && order(base + child * size, base + (child + 1) * size) < 0) {
            child++;
        }
        if (order(base + root * size, base + child * size) >= 0) {
            return;
        }
        swap(base + root * size, base + child * size, size);
        root = child;
    }
}

/* A heap sort: the C library's `qsort` may be quadratic, or allocate. */
void cs_sort(void *base, size_t count, size_t size, int (*order)(const void *, const void *)) {
    char *bytes = base;
    for (size_t root = count / 2; root > 0; root--) {
        sink_down(bytes, root - 1, count, size, order);
    }
    for (size_t last = count; last > 1; last--) {
        swap(bytes, bytes + (last - 1) * size, size);
        sink_down(bytes, 0, last - 1, size, order);
    }
}
