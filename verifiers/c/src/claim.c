/* The signature header and the date, read strictly. Never decides whether what they say is true. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static bool is_name_byte(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           (byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

/* Header names in lower case, ascending, none twice. */
static bool are_names(countersign_bytes names) {
    countersign_bytes before = {NULL, 0};
    countersign_bytes name;
    bool is_over = false;
    while (cs_next_part(&names, &is_over, ';', &name)) {
        /* An empty name is not above anything, the first one included. */
        if (cs_compare(before, name) >= 0) {
            return false;
        }
        for (size_t at = 0; at < name.length; at++) {
            if (!is_name_byte(name.data[at])) {
                return false;
            }
        }
        before = name;
    }
    return true;
}

static bool is_signature(countersign_bytes text) {
    for (size_t at = 0; at < text.length; at++) {
        if (cs_hex_digit(text.data[at]) < 0 || cs_lower(text.data[at]) != text.data[at]) {
            return false;
        }
    }
    return text.length == HEX_BYTES;
}

static cs_claim_outcome parse_hmac(countersign_bytes text, cs_claim *claim) {
    countersign_bytes *parts[] = {&claim->key, &claim->names};
    const char *prefixes[] = {"Access=", "SignedHeaders="};
    for (size_t at = 0; at < 2; at++) {
        if (!cs_take(&text, prefixes[at])) {
            return CLAIM_MALFORMED;
        }
        size_t end = cs_find(text, ',');
        if (end == 0 || end == text.length) {
            return CLAIM_MALFORMED;
        }
        *parts[at] = cs_slice(text, 0, end);
        text = cs_slice(text, end + 1, text.length);
        (void)cs_take(&text, " ");
    }
    claim->scheme = COUNTERSIGN_SCHEME_HMAC;
    bool is_good = cs_take(&text, "Signature=") && is_signature(text) && are_names(claim->names);
    claim->signature = text;
    return is_good ? CLAIM_GOOD : CLAIM_MALFORMED;
}

static int base64_digit(char byte) {
    if (byte >= 'A' && byte <= 'Z') {
        return byte - 'A';
    }
    if (byte >= 'a' && byte <= 'z') {
        return byte - 'a' + 26;
    }
    if (byte >= '0' && byte <= '9') {
        return byte - '0' + 52;
    }
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

/* Base64 with the standard alphabet, exact padding and no stray bits. `out` has room for 3/4 of it. */
static bool decode_base64(countersign_bytes text, char *out, size_t *out_length) {
    size_t padding = 0;
    while (padding < 2 && padding < text.length && text.data[text.length - 1 - padding] == '=') {
        padding++;
    }
    if (text.length % 4 != 0) {
        return false;
    }
    uint32_t bits = 0;
    unsigned int bit_count = 0;
    *out_length = 0;
    for (size_t at = 0; at < text.length - padding; at++) {
        int digit = base64_digit(text.data[at]);
        if (digit < 0) {
            return false;
        }
        bits = (bits << 6 | (uint32_t)digit) & 0xFFFF;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out[(*out_length)++] = (char)(unsigned char)(bits >> bit_count & 0xFF);
        }
    }
    return (bits & ((1U << bit_count) - 1)) == 0;
}

static cs_claim_outcome parse_basic(countersign_bytes text, cs_claim *claim) {
    claim->decoded_length = text.length / 4 * 3 + 1;
    claim->decoded = malloc(claim->decoded_length);
    if (claim->decoded == NULL) {
        return CLAIM_NO_MEMORY;
    }
    countersign_bytes credentials = {claim->decoded, 0};
    if (!decode_base64(text, claim->decoded, &credentials.length)) {
        return CLAIM_MALFORMED;
    }
    size_t colon = cs_find(credentials, ':');
    if (colon == credentials.length) {
        return CLAIM_MALFORMED;
    }
    claim->scheme = COUNTERSIGN_SCHEME_BASIC;
    claim->key = cs_slice(credentials, 0, colon);
    claim->password = cs_slice(credentials, colon + 1, credentials.length);
    return cs_is_utf8(claim->key) ? CLAIM_GOOD : CLAIM_MALFORMED;
}

cs_claim_outcome cs_claim_parse(countersign_bytes value, cs_claim *claim) {
    memset(claim, 0, sizeof *claim);
    value = cs_trimmed(value);
    size_t end = 0;
    while (end < value.length && value.data[end] != ' ' && value.data[end] != '\t') {
        end++;
    }
    if (end == value.length || !cs_is_utf8(value)) {
        return CLAIM_MALFORMED;
    }
    countersign_bytes scheme = cs_slice(value, 0, end);
    countersign_bytes rest = cs_trimmed(cs_slice(value, end, value.length));
    if (cs_equal(scheme, countersign_text(ALGORITHM))) {
        return parse_hmac(rest, claim);
    }
    if (cs_compare_names(scheme, countersign_text("basic")) == 0) {
        return parse_basic(rest, claim);
    }
    return CLAIM_MALFORMED;
}

void cs_claim_free(cs_claim *claim) {
    if (claim->decoded != NULL) {
        cs_wipe(claim->decoded, claim->decoded_length);
        free(claim->decoded);
        claim->decoded = NULL;
    }
}

/* Days since 1970 in the Gregorian calendar, which is taken to have always been; years begin in March. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

bool cs_date_parse(countersign_bytes text, int64_t *unix_seconds) {
    static const char form[] = "YYYYMMDDTHHMMSSZ";
    /* Year, month, day, hour, minute, second; each field's digits share a letter's place. */
    static const size_t field_of[] = {0, 0, 0, 0, 1, 1, 2, 2, 0, 3, 3, 4, 4, 5, 5};
    int fields[6] = {0};
    if (text.length != DATE_BYTES) {
        return false;
    }
    for (size_t at = 0; at < DATE_BYTES; at++) {
        if (form[at] == 'T' || form[at] == 'Z') {
            if (text.data[at] != form[at]) {
                return false;
            }
        } else if (text.data[at] < '0' || text.data[at] > '9') {
            return false;
        } else {
            int *field = &fields[field_of[at]];
            *field = *field * 10 + (text.data[at] - '0');
        }
    }
    bool is_moment = fields[1] >= 1 && fields[1] <= 12 && fields[2] >= 1 &&
                     fields[2] <= days_in(fields[0], fields[1]) && fields[3] <= 23 &&
                     fields[4] <= 59 && fields[5] <= 59;
    if (is_moment) {
        int64_t days = days_of(fields[0], fields[1], fields[2]);
        *unix_seconds = days * 86400 + fields[3] * 3600 + fields[4] * 60 + fields[5];
    }
    return is_moment;
}
