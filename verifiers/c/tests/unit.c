/* What the cases cannot say: lookups, guards, pieces, limits, and what happens when something fails. */
#include "case_file.h"
#include "internal.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1795435200
#define SECRET "signature_secret1"

static int failures;

#define CHECK(condition)                                                                                    \
    do {                                                                                                    \
        if (!(condition)) {                                                                                 \
            fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition);           \
            failures++;                                                                                     \
        }                                                                                                   \
    } while (0)

/* The allocator and the crypto fail at a chosen call; what is freed must hold no secret. */
static int calls_until_failure = -1;
static size_t open_hashes;
static bool is_watching = true;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_free(void *memory);

static bool is_time_to_fail(void) {
    return calls_until_failure >= 0 && calls_until_failure-- == 0;
}

void *__wrap_malloc(size_t size) {
    return is_time_to_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return is_time_to_fail() ? NULL : __real_calloc(count, size);
}

void __wrap_free(void *memory) {
    size_t size = memory == NULL || !is_watching ? 0 : malloc_usable_size(memory);
    for (size_t at = 0; at + sizeof SECRET - 1 <= size; at++) {
        CHECK(memcmp((char *)memory + at, SECRET, sizeof SECRET - 1) != 0);
    }
    __real_free(memory);
}

static void *begin(void *context) {
    (void)context;
    if (is_time_to_fail()) {
        return NULL;
    }
    void *hash = test_crypto()->sha256_begin(test_crypto()->context);
    open_hashes += hash != NULL;
    return hash;
}

static bool update(void *hash, const void *data, size_t length) {
    return !is_time_to_fail() && test_crypto()->sha256_update(hash, data, length);
}

static bool finish(void *hash, unsigned char digest[32]) {
    return !is_time_to_fail() && test_crypto()->sha256_finish(hash, digest);
}

static void release(void *hash) {
    open_hashes--;
    test_crypto()->sha256_free(hash);
}

static bool hmac(void *context, const void *key, size_t key_length, const void *data, size_t length,
                 unsigned char mac[32]) {
    (void)context;
    return !is_time_to_fail() && test_crypto()->hmac_sha256(NULL, key, key_length, data, length, mac);
}

static const countersign_crypto failing_crypto = {NULL, begin, update, finish, release, hmac};

/* A lookup and a guard that count, and answer as they are told. */
struct scene {
    countersign_options options;
    bool has_lookup_failed;
    int secret_count; /* the right one is the last */
    int lookups;
    countersign_scheme scheme;
    char key[64];
    countersign_replay_answer answer;
    int guards;
    int64_t expires_at;
};

static bool look_up(void *context, countersign_scheme scheme, countersign_bytes key,
                    countersign_secrets *secrets) {
    struct scene *given = context;
    given->lookups++;
    given->scheme = scheme;
    (void)snprintf(given->key, sizeof given->key, "%.*s", (int)key.length, key.data);
    for (int at = 1; at < given->secret_count; at++) {
        countersign_secrets_add(secrets, "other", 5);
    }
    if (given->secret_count > 0) {
        countersign_secrets_add(secrets, SECRET, sizeof SECRET - 1);
    }
    countersign_secrets_add(secrets, "", 0);
    countersign_secrets_add(secrets, NULL, 0);
    return !given->has_lookup_failed;
}

static countersign_replay_answer guard(void *context, countersign_bytes key, countersign_bytes signature,
                                       int64_t expires_at) {
    struct scene *given = context;
    given->guards++;
    given->expires_at = expires_at;
    return key.length > 0 && signature.length == 64 ? given->answer : COUNTERSIGN_REPLAY_UNANSWERED;
}

static void set(struct scene *given) {
    memset(given, 0, sizeof *given);
    given->secret_count = 1;
    given->answer = COUNTERSIGN_REPLAY_NEW;
    countersign_options_init(&given->options, look_up, given);
    given->options.crypto = &failing_crypto;
    given->options.replay_guard = guard;
    given->options.replay_guard_context = given;
}

static case_file file;

static const test_case *find_case(const char *id) {
    for (size_t at = 0; at < file.case_count; at++) {
        if (is_text(file.cases[at].id, id)) {
            return &file.cases[at];
        }
    }
    fprintf(stderr, "there is no case %s\n", id);
    exit(1);
}

static countersign_reason outcome(struct scene *scene, const char *id, countersign_result *result) {
    const test_case *given = find_case(id);
    countersign_request request = case_request(given);
    bool is_verified = countersign_verify(&request, given->body.data, given->body.length, &scene->options,
                                          case_now(given), result);
    CHECK(is_verified == (result->reason == COUNTERSIGN_VERIFIED));
    CHECK(strstr(result->message, SECRET) == NULL);
    return result->reason;
}

static void a_lookup_is_asked_once_and_may_give_many_secrets_or_none(void) {
    struct scene scene;
    countersign_result result;
    set(&scene);
    CHECK(outcome(&scene, "accept-body-json", &result) == COUNTERSIGN_VERIFIED);
    CHECK(scene.lookups == 1 && scene.scheme == COUNTERSIGN_SCHEME_HMAC);
    CHECK(strcmp(scene.key, "signature_key1") == 0 && strcmp(result.key, "signature_key1") == 0);
    set(&scene);
    scene.secret_count = COUNTERSIGN_SECRETS_MAX;
    CHECK(outcome(&scene, "accept-body-json", &result) == COUNTERSIGN_VERIFIED);
    scene.secret_count = COUNTERSIGN_SECRETS_MAX + 1;
    CHECK(outcome(&scene, "accept-body-json", &result) == COUNTERSIGN_FAILED);
    scene.secret_count = 0;
    CHECK(outcome(&scene, "accept-body-json", &result) == COUNTERSIGN_UNKNOWN_KEY);
    CHECK(result.http_status == 401);
}

static void a_lookup_that_fails_is_no_refusal(void) {
    struct scene scene;
    countersign_result result;
    set(&scene);
    scene.has_lookup_failed = true;
    CHECK(outcome(&scene, "accept-body-json", &result) == COUNTERSIGN_FAILED);
    CHECK(result.http_status == 500);
    scene.options.lookup = NULL;
    CHECK(outcome(&scene, "accept-body-json", &result) == COUNTERSIGN_FAILED);
}

static void a_lookup_is_not_asked_for_an_endless_key(void) {
    struct scene scene;
    countersign_result result;
    set(&scene);
    CHECK(outcome(&scene, "refuse-unknown-huge", &result) == COUNTERSIGN_UNKNOWN_KEY);
    CHECK(scene.lookups == 0);
}

static void a_guard_is_asked_last_and_told_until_when_to_remember(void) {
    struct scene scene;
    countersign_result result;
    set(&scene);
    CHECK(outcome(&scene, "accept-body-json", &result) == COUNTERSIGN_VERIFIED);
    CHECK(scene.guards == 1 && scene.expires_at == NOW + 900);
    CHECK(outcome(&scene, "refuse-tampered-body", &result) == COUNTERSIGN_SIGNATURE_MISMATCH);
    CHECK(outcome(&scene, "refuse-content-body", &result) == COUNTERSIGN_BODY_MISMATCH);
    CHECK(scene.guards == 1);
    scene.answer = COUNTERSIGN_REPLAY_SEEN;
    CHECK(outcome(&scene, "accept-body-json", &result) == COUNTERSIGN_REPLAYED);
    scene.answer = COUNTERSIGN_REPLAY_UNANSWERED;
    CHECK(outcome(&scene, "accept-body-json", &result) == COUNTERSIGN_FAILED);
}

static void a_body_is_read_no_further_than_the_limit(void) {
    struct scene scene;
    countersign_result result;
    set(&scene);
    scene.options.body_bytes_max = 5;
    const test_case *given = find_case("accept-body-json");
    countersign_request request = case_request(given);
    countersign_verification *verification = countersign_begin(&request, &scene.options, NOW, &result);
    CHECK(verification != NULL && countersign_needs_body(verification));
    CHECK(result.reason == COUNTERSIGN_FAILED); /* nothing is verified yet */
    CHECK(countersign_feed(verification, "12345", 5, &result));
    CHECK(!countersign_feed(verification, "6", 1, &result));
    CHECK(result.reason == COUNTERSIGN_BODY_TOO_LARGE && result.http_status == 413);
    CHECK(!countersign_feed(verification, "7", SIZE_MAX, &result));
    CHECK(!countersign_finish(verification, &result) && result.reason == COUNTERSIGN_BODY_TOO_LARGE);
    countersign_free(verification);
}

static void what_is_late_is_refused_before_the_body(void) {
    struct scene scene;
    countersign_result result;
    set(&scene);
    const test_case *given = find_case("accept-body-json");
    countersign_request request = case_request(given);
    const int64_t clocks[] = {NOW + 901, NOW - 901, INT64_MIN, INT64_MAX, 0};
    for (size_t at = 0; at < sizeof clocks / sizeof *clocks; at++) {
        CHECK(countersign_begin(&request, &scene.options, clocks[at], &result) == NULL);
        CHECK(result.reason == COUNTERSIGN_CLOCK_SKEW);
    }
    countersign_verification *verification = countersign_begin(&request, &scene.options, NOW, &result);
    CHECK(verification != NULL);
    countersign_free(verification); /* the client is gone */
    countersign_free(NULL);
}

static void nothing_at_all_is_no_request(void) {
    struct scene scene;
    countersign_result result = {0};
    set(&scene);
    CHECK(result.reason != COUNTERSIGN_VERIFIED);
    countersign_request request = {{NULL, 0}, {NULL, 0}, NULL, 0};
    CHECK(!countersign_verify(&request, NULL, 0, &scene.options, NOW, &result));
    CHECK(result.reason == COUNTERSIGN_MISSING_AUTHORIZATION);
    countersign_header header = {countersign_text("Authorization"), {NULL, 0}};
    request.headers = &header;
    request.header_count = 1;
    CHECK(!countersign_verify(&request, NULL, 0, &scene.options, NOW, &result));
    CHECK(result.reason == COUNTERSIGN_MALFORMED_AUTHORIZATION);
}

static void an_answer_is_json_or_nothing(void) {
    countersign_result result = {0};
    char answer[COUNTERSIGN_REFUSAL_JSON_BYTES_MAX];
    result.reason = COUNTERSIGN_REPLAYED;
    strcpy(result.message, "a \"b\" \\ \n \x7f \xff");
    const char *wanted = "{\n  \"verified\": false,\n  \"reason\": \"REPLAYED\",\n"
                         "  \"message\": \"a \\\"b\\\" \\\\ \\u000a \\u007f \\u00ff\"\n}\n";
    CHECK(countersign_refusal_json(&result, answer, sizeof answer) == strlen(wanted));
    CHECK(strcmp(answer, wanted) == 0);
    CHECK(countersign_refusal_json(&result, answer, 20) == 0);
    memset(result.message, 1, sizeof result.message - 1);
    CHECK(countersign_refusal_json(&result, answer, sizeof answer) > 0);
}

/* Fails at the first call that can, then at the second, and so on: never an acceptance, never a leak. */
static void whatever_fails_nothing_is_accepted_nor_leaked(const char *id) {
    struct scene scene;
    countersign_result result;
    for (int call = 0; call < 500; call++) {
        set(&scene);
        scene.secret_count = 2;
        calls_until_failure = call;
        countersign_reason reason = outcome(&scene, id, &result);
        bool has_failed = calls_until_failure < 0;
        calls_until_failure = -1;
        CHECK(reason == (has_failed ? COUNTERSIGN_FAILED : COUNTERSIGN_VERIFIED));
        CHECK(open_hashes == 0);
        if (!has_failed) {
            CHECK(call > 2);
            return;
        }
    }
    CHECK(!"ever succeeds");
}

int main(int count, char **arguments) {
    file = case_file_read(count > 1 ? arguments[1] : "build/cases.bin");
    a_lookup_is_asked_once_and_may_give_many_secrets_or_none();
    a_lookup_that_fails_is_no_refusal();
    a_lookup_is_not_asked_for_an_endless_key();
    a_guard_is_asked_last_and_told_until_when_to_remember();
    a_body_is_read_no_further_than_the_limit();
    what_is_late_is_refused_before_the_body();
    nothing_at_all_is_no_request();
    an_answer_is_json_or_nothing();
    whatever_fails_nothing_is_accepted_nor_leaked("accept-body-json");
    whatever_fails_nothing_is_accepted_nor_leaked("accept-content-hash");
    is_watching = false;
    case_file_free(&file);
    printf("unit: %d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
