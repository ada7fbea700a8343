/*
 * Only verified requests reach the handler, their bodies whole: countersign_verify for libmicrohttpd.
 *
 *     countersign_mhd app;
 *     countersign_mhd_init(&app, lookup, NULL, handler, NULL);
 *     MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 9000, NULL, NULL, COUNTERSIGN_MHD_ANSWER(&app),
 *                      MHD_OPTION_END);
 *
 * A request that is refused gets 401 (413 for BODY_TOO_LARGE, 500 for FAILED) with the reason as JSON.
 */
#ifndef COUNTERSIGN_MHD_H
#define COUNTERSIGN_MHD_H

#include <countersign_verify.h>
#include <microhttpd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A refused body is read to its end and dropped up to here, so that the client hears the answer and the
 * connection stays; a longer one ends with the connection. */
#define COUNTERSIGN_MHD_DROPPED_BYTES_MAX ((size_t)1024 * 1024)

/* A verified request. It lives until the handler returns. */
typedef struct countersign_mhd_request {
    const char *method;
    const char *target; /* as received: libmicrohttpd's own `url` is unescaped and has lost the query */
    const countersign_header *headers;
    size_t header_count;
    const char *body;
    size_t body_length;
    const countersign_result *verified;
} countersign_mhd_request;

/* Queues a response to the connection, as a handler of libmicrohttpd does. */
typedef enum MHD_Result (*countersign_mhd_handler)(void *context, struct MHD_Connection *connection,
                                                   const countersign_mhd_request *request);

/* Must live as long as the daemon. */
typedef struct countersign_mhd {
    countersign_options options;
    countersign_mhd_handler handler;
    void *handler_context;
    size_t unhashed_body_bytes_max; /* 12 MiB; of a body that no hash covers, kept for the handler */
} countersign_mhd;

void countersign_mhd_init(countersign_mhd *app, countersign_lookup lookup, void *lookup_context,
                          countersign_mhd_handler handler, void *handler_context);

/* The last arguments of MHD_start_daemon, before further options. */
#define COUNTERSIGN_MHD_ANSWER(app)                                                                        \
    countersign_mhd_answer, (app), MHD_OPTION_URI_LOG_CALLBACK, countersign_mhd_target, NULL,              \
        MHD_OPTION_NOTIFY_COMPLETED, countersign_mhd_completed, NULL

/* What COUNTERSIGN_MHD_ANSWER names; a daemon needs all three. */
enum MHD_Result countersign_mhd_answer(void *app, struct MHD_Connection *connection, const char *url,
                                       const char *method, const char *version, const char *upload_data,
                                       size_t *upload_data_size, void **request_state);
void *countersign_mhd_target(void *context, const char *target, struct MHD_Connection *connection);
void countersign_mhd_completed(void *context, struct MHD_Connection *connection, void **request_state,
                               enum MHD_RequestTerminationCode code);

#ifdef __cplusplus
}
#endif

#endif
