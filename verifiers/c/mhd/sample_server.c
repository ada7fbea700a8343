/*
 * A sample backend: verifies every request, and answers with what it saw or with the reason.
 *
 *     build/sample_server --port 9000 --key signature_key1 --secret-file secret
 */
#define _POSIX_C_SOURCE 200809L

#include "countersign_mhd.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_BYTES_MAX ((size_t)64 * 1024 * 1024)

typedef struct configuration {
    uint16_t port;
    const char *key;
    char secret[4096];
    size_t secret_length;
    bool is_unsigned_payload_allowed;
} configuration;

static bool look_up(void *context, countersign_scheme scheme, countersign_bytes key,
                    countersign_secrets *secrets) {
    (void)scheme;
    const configuration *configured = context;
    bool is_known = key.length == strlen(configured->key) &&
                    memcmp(key.data, configured->key, key.length) == 0;
    return !is_known || countersign_secrets_add(secrets, configured->secret, configured->secret_length);
}

/* A JSON string, of UTF-8 or else of bytes that are a character each. */
static void print_json(FILE *out, const char *data, size_t length, bool is_utf8) {
    fputc('"', out);
    for (size_t at = 0; at < length; at++) {
        unsigned char byte = (unsigned char)data[at];
        if (byte < 0x20 || (byte >= 0x7F && !is_utf8)) {
            fprintf(out, "\\u%04x", (unsigned int)byte);
        } else {
            fprintf(out, byte == '"' || byte == '\\' ? "\\%c" : "%c", byte);
        }
    }
    fputc('"', out);
}

static void print_text(FILE *out, const char *data, size_t length) {
    print_json(out, data, length, false);
}

/* A Basic header, whatever header it travels in, is the secret itself. */
static void print_value(FILE *out, countersign_bytes value) {
    while (value.length > 0 && strchr(" \t", *value.data) != NULL) {
        value.data++;
        value.length--;
    }
    bool is_basic = value.length >= 6 && strncasecmp(value.data, "basic", 5) == 0 &&
                    strchr(" \t", value.data[5]) != NULL;
    static const char redacted[] = "Basic (redacted)";
    print_text(out, is_basic ? redacted : value.data, is_basic ? sizeof redacted - 1 : value.length);
}

static void print_seen(FILE *out, const countersign_mhd_request *request) {
    fprintf(out, "{\n  \"verified\": true,\n  \"key\": ");
    print_json(out, request->verified->key, request->verified->key_length, true);
    fprintf(out, ",\n  \"scheme\": \"%s\",\n  \"payload_signed\": %s,\n  \"method\": ",
            countersign_scheme_text(request->verified->scheme),
            request->verified->payload_signed ? "true" : "false");
    print_text(out, request->method, strlen(request->method));
    fprintf(out, ",\n  \"target\": ");
    print_text(out, request->target, strlen(request->target));
    fprintf(out, ",\n  \"headers\": [");
    for (size_t at = 0; at < request->header_count; at++) {
        fprintf(out, at == 0 ? "\n    [" : ",\n    [");
        print_text(out, request->headers[at].name.data, request->headers[at].name.length);
        fprintf(out, ", ");
        print_value(out, request->headers[at].value);
        fprintf(out, "]");
    }
    fprintf(out, "\n  ],\n  \"body_bytes\": %zu,\n  \"body_sha256\": \"", request->body_length);
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_Digest(request->body, request->body_length, digest, NULL, EVP_sha256(), NULL);
    for (size_t at = 0; at < 32; at++) {
        fprintf(out, "%02x", (unsigned int)digest[at]);
    }
    fprintf(out, "\"\n}\n");
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection,
                              const countersign_mhd_request *request) {
    (void)context;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) {
        return MHD_NO;
    }
    print_seen(out, request);
    bool is_whole = fclose(out) == 0;
    struct MHD_Response *response =
        is_whole ? MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE) : NULL;
    if (response == NULL) {
        free(text);
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return queued;
}

/* One line end at the end of the file is no part of the secret. */
static bool read_secret(const char *path, configuration *configured) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    size_t length = fread(configured->secret, 1, sizeof configured->secret, file);
    bool is_whole = feof(file) != 0;
    fclose(file);
    if (length > 0 && configured->secret[length - 1] == '\n') {
        length--;
        length -= length > 0 && configured->secret[length - 1] == '\r';
    }
    configured->secret_length = length;
    return is_whole && length > 0;
}

static bool read_arguments(int count, char **arguments, configuration *configured) {
    const char *secret_file = NULL;
    configured->port = 9000;
    for (int at = 1; at < count; at++) {
        const char *value = at + 1 < count ? arguments[at + 1] : NULL;
        if (strcmp(arguments[at], "--allow-unsigned-payload") == 0) {
            configured->is_unsigned_payload_allowed = true;
            continue;
        }
        if (value == NULL) {
            return false;
        }
        if (strcmp(arguments[at], "--port") == 0) {
            configured->port = (uint16_t)strtoul(value, NULL, 10);
        } else if (strcmp(arguments[at], "--key") == 0) {
            configured->key = value;
        } else if (strcmp(arguments[at], "--secret-file") == 0) {
            secret_file = value;
        } else {
            return false;
        }
        at++;
    }
    return configured->key != NULL && secret_file != NULL && read_secret(secret_file, configured);
}

int main(int count, char **arguments) {
    static configuration configured;
    if (!read_arguments(count, arguments, &configured)) {
        fprintf(stderr, "usage: %s --key KEY --secret-file FILE [--port PORT] [--allow-unsigned-payload]\n",
                arguments[0]);
        return 2;
    }
    static countersign_mhd app;
    countersign_mhd_init(&app, look_up, &configured, answer, NULL);
    app.options.unsigned_payload_allowed = configured.is_unsigned_payload_allowed;
    app.unhashed_body_bytes_max = BODY_BYTES_MAX;

    /* Blocked before there are threads, so that only `sigwait` below hears them. */
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(configured.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, COUNTERSIGN_MHD_ANSWER(&app), MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)&address, MHD_OPTION_THREAD_POOL_SIZE, 4U,
        /* Room for a target of 32 KiB and headers of 128 KiB. */
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)512 * 1024, MHD_OPTION_CONNECTION_TIMEOUT, 60U,
        MHD_OPTION_END);
    if (daemon == NULL) {
        perror("cannot listen");
        return 1;
    }
    const union MHD_DaemonInfo *bound = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    printf("listening on 127.0.0.1:%u\n", bound == NULL ? 0U : (unsigned int)bound->port);
    fflush(stdout);
    int signal_number = 0;
    sigwait(&ends, &signal_number);
    MHD_stop_daemon(daemon);
    return 0;
}
