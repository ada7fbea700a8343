/* The adapter for libmicrohttpd with limits and failures that the sample server does not have. Basic
 * credentials are enough to get in: they need no signer here. */
#define _POSIX_C_SOURCE 200809L

#include "countersign_mhd.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures;
static int handled;

#define CHECK(condition)                                                                                   \
    do {                                                                                                   \
        if (!(condition)) {                                                                                \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                        \
            failures++;                                                                                    \
        }                                                                                                  \
    } while (0)

/* "broken" cannot be looked up; the secret of every other key is "s". */
static bool look_up(void *context, countersign_scheme scheme, countersign_bytes key,
                    countersign_secrets *secrets) {
    (void)context;
    (void)scheme;
    bool is_broken = key.length == 6 && memcmp(key.data, "broken", 6) == 0;
    return !is_broken && countersign_secrets_add(secrets, "s", 1);
}

static enum MHD_Result echo(void *context, struct MHD_Connection *connection,
                            const countersign_mhd_request *request) {
    (void)context;
    handled++;
    CHECK(request->verified->reason == COUNTERSIGN_VERIFIED && strcmp(request->target, "/%2F?a=%zz") == 0);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        request->body_length, (void *)request->body, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result queued = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return queued;
}

/* The whole answer to a request that ends the connection. */
static const char *ask(uint16_t port, const char *credentials, const char *rest) {
    static char text[4096];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address) != 0) {
        perror("connect");
        exit(1);
    }
    int length = snprintf(text, sizeof text,
                          "POST /%%2F?a=%%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                          "Authorization: Basic %s\r\n%s",
                          credentials, rest);
    CHECK(write(connection, text, (size_t)length) == length);
    size_t used = 0;
    for (ssize_t got = 1; got > 0 && used < sizeof text - 1; used += got > 0 ? (size_t)got : 0) {
        got = read(connection, text + used, sizeof text - 1 - used);
    }
    text[used] = '\0';
    close(connection);
    return text;
}

int main(void) {
    countersign_mhd app;
    countersign_mhd_init(&app, look_up, NULL, echo, NULL);
    app.unhashed_body_bytes_max = 5;
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, COUNTERSIGN_MHD_ANSWER(&app),
                         MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_END);
    if (daemon == NULL) {
        return 1;
    }
    uint16_t port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    const char *good = "azpz";          /* k:s */
    const char *wrong = "azp0";         /* k:t */
    const char *broken = "YnJva2VuOnM="; /* broken:s */
    const char *body = "Content-Length: 5\r\n\r\n12345";

    CHECK(strstr(ask(port, good, body), "\r\n\r\n12345") != NULL);
    CHECK(strstr(ask(port, good, "Transfer-Encoding: chunked\r\n\r\n2\r\n12\r\n3\r\n345\r\n0\r\n\r\n"),
                 "\r\n\r\n12345") != NULL);
    CHECK(handled == 2);
    CHECK(strstr(ask(port, wrong, body), "401 Unauthorized") != NULL);
    const char *failed = ask(port, broken, body);
    CHECK(strstr(failed, "500 Internal") != NULL && strstr(failed, "\"FAILED\"") != NULL);
    CHECK(strstr(ask(port, good, "Content-Length: 6\r\n\r\n123456"), "413 ") != NULL);
    CHECK(strstr(ask(port, good, "Transfer-Encoding: chunked\r\n\r\n3\r\n123\r\n3\r\n456\r\n0\r\n\r\n"),
                 "BODY_TOO_LARGE") != NULL);
    CHECK(handled == 2);
    MHD_stop_daemon(daemon);
    printf("mhd: %d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
