/* libmicrohttpd asks its handler once with the headers, then for each piece of the body, then once more.
 * The state of a request is made when its target is told and freed when libmicrohttpd is done with it. */
#include "countersign_mhd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct state {
    char *target;
    bool has_begun;
    countersign_header *headers;
    size_t header_count;
    countersign_verification *verification; /* NULL where it is refused */
    countersign_result result;
    char *body;
    size_t body_length;
    size_t body_room;
    size_t dropped_bytes;
} state;

void countersign_mhd_init(countersign_mhd *app, countersign_lookup lookup, void *lookup_context,
                          countersign_mhd_handler handler, void *handler_context) {
    memset(app, 0, sizeof *app);
    countersign_options_init(&app->options, lookup, lookup_context);
    app->handler = handler;
    app->handler_context = handler_context;
    app->unhashed_body_bytes_max = app->options.body_bytes_max;
}

void *countersign_mhd_target(void *context, const char *target, struct MHD_Connection *connection) {
    (void)context;
    (void)connection;
    state *request = calloc(1, sizeof *request);
    size_t room = strlen(target) + 1;
    if (request == NULL || (request->target = malloc(room)) == NULL) {
        free(request);
        return NULL;
    }
    memcpy(request->target, target, room);
    return request;
}

void countersign_mhd_completed(void *context, struct MHD_Connection *connection, void **request_state,
                               enum MHD_RequestTerminationCode code) {
    (void)context;
    (void)connection;
    (void)code;
    state *request = *request_state;
    if (request != NULL) {
        countersign_free(request->verification);
        free(request->target);
        free(request->headers);
        free(request->body);
        free(request);
        *request_state = NULL;
    }
}

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_length, const char *value, size_t value_length) {
    (void)kind;
    state *request = context;
    countersign_header header = {{name, name_length}, {value, value == NULL ? 0 : value_length}};
    request->headers[request->header_count++] = header;
    return MHD_YES;
}

/* Headers live as long as the request, so that they need not be copied. */
static bool take_headers(state *request, struct MHD_Connection *connection) {
    int count = MHD_get_connection_values_n(connection, MHD_HEADER_KIND, NULL, NULL);
    request->headers = calloc(count > 0 ? (size_t)count : 1, sizeof *request->headers);
    if (request->headers == NULL) {
        return false;
    }
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, take_header, request);
    return true;
}

static void refuse(state *request) {
    countersign_free(request->verification);
    request->verification = NULL;
    free(request->body);
    request->body = NULL;
}

static void refuse_large(state *request, size_t bytes_max) {
    memset(&request->result, 0, sizeof request->result);
    request->result.reason = COUNTERSIGN_BODY_TOO_LARGE;
    request->result.http_status = 413;
    (void)snprintf(request->result.message, sizeof request->result.message,
                   "the body is larger than %zu bytes", bytes_max);
    refuse(request);
}

static enum MHD_Result answer_refused(const state *request, struct MHD_Connection *connection) {
    char text[COUNTERSIGN_REFUSAL_JSON_BYTES_MAX];
    size_t length = countersign_refusal_json(&request->result, text, sizeof text);
    struct MHD_Response *response = MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result queued =
        MHD_queue_response(connection, (unsigned int)request->result.http_status, response);
    MHD_destroy_response(response);
    return queued;
}

static size_t body_bytes_max(const countersign_mhd *app, const state *request) {
    bool is_hashed = countersign_needs_body(request->verification);
    return is_hashed ? app->options.body_bytes_max : app->unhashed_body_bytes_max;
}

/* The length that the client announced; 0 where it did not. */
static unsigned long long announced_length(struct MHD_Connection *connection) {
    const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    return text == NULL ? 0 : strtoull(text, NULL, 10);
}

static enum MHD_Result begin(const countersign_mhd *app, state *request,
                             struct MHD_Connection *connection, const char *method) {
    if (!take_headers(request, connection)) {
        return MHD_NO;
    }
    countersign_request received = {countersign_text(method), countersign_text(request->target),
                                    request->headers, request->header_count};
    request->verification =
        countersign_begin(&received, &app->options, (int64_t)time(NULL), &request->result);
    unsigned long long length = announced_length(connection);
    if (request->verification != NULL && length > body_bytes_max(app, request)) {
        refuse_large(request, body_bytes_max(app, request));
    }
    /* Whoever waits for a word before sending a body gets it now, and so does a long body's sender, whose
     * connection libmicrohttpd then closes. All others are answered when they have sent what they have. */
    bool is_waiting = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Expect") != NULL;
    bool is_long = length > COUNTERSIGN_MHD_DROPPED_BYTES_MAX;
    if (request->verification == NULL && (is_waiting || is_long)) {
        return answer_refused(request, connection);
    }
    return MHD_YES;
}

static bool keep(state *request, const char *data, size_t length) {
    if (length > request->body_room - request->body_length) {
        size_t room = request->body_room < 4096 ? 4096 : request->body_room;
        while (room - request->body_length < length) {
            room *= 2; /* cannot overflow: the limit was looked at, and is far from SIZE_MAX */
        }
        char *body = realloc(request->body, room);
        if (body == NULL) {
            return false;
        }
        request->body = body;
        request->body_room = room;
    }
    memcpy(request->body + request->body_length, data, length);
    request->body_length += length;
    return true;
}

static enum MHD_Result take_body(const countersign_mhd *app, state *request, const char *data,
                                 size_t length) {
    if (request->verification != NULL) {
        size_t bytes_max = body_bytes_max(app, request);
        if (length > bytes_max || request->body_length > bytes_max - length) {
            refuse_large(request, bytes_max);
        } else if (!countersign_feed(request->verification, data, length, &request->result)) {
            refuse(request);
        } else {
            return keep(request, data, length) ? MHD_YES : MHD_NO;
        }
    }
    request->dropped_bytes += length;
    return request->dropped_bytes <= COUNTERSIGN_MHD_DROPPED_BYTES_MAX ? MHD_YES : MHD_NO;
}

enum MHD_Result countersign_mhd_answer(void *context, struct MHD_Connection *connection, const char *url,
                                       const char *method, const char *version, const char *upload_data,
                                       size_t *upload_data_size, void **request_state) {
    (void)url;
    (void)version;
    const countersign_mhd *app = context;
    state *request = *request_state;
    if (request == NULL) {
        return MHD_NO; /* there was no memory for it */
    }
    if (!request->has_begun) {
        request->has_begun = true;
        return begin(app, request, connection, method);
    }
    if (*upload_data_size > 0) {
        enum MHD_Result outcome = take_body(app, request, upload_data, *upload_data_size);
        *upload_data_size = 0;
        return outcome;
    }
    if (request->verification != NULL && !countersign_finish(request->verification, &request->result)) {
        refuse(request);
    }
    if (request->verification == NULL) {
        return answer_refused(request, connection);
    }
    countersign_mhd_request verified = {method,
                                        request->target,
                                        request->headers,
                                        request->header_count,
                                        request->body == NULL ? "" : request->body,
                                        request->body_length,
                                        &request->result};
    return app->handler(app->handler_context, connection, &verified);
}
