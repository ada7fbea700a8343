/*
 * Only verified requests reach the handler, their bodies whole: for cpp-httplib 0.11.
 *
 *     httplib::Server server;
 *     countersign::guard(server, verifier,
 *                        [](const countersign::HttplibRequest& request, httplib::Response& response) {
 *                            response.set_content("hello, " + request.verified.key, "text/plain");
 *                        });
 *
 * Of one handler for the whole server, so that no route can be forgotten. It may look at `request.path`.
 */
#ifndef COUNTERSIGN_HTTPLIB_HPP
#define COUNTERSIGN_HTTPLIB_HPP

#include <countersign/verify.hpp>

#include <httplib.h>

#include <cstdio>
#include <cstdlib>
#include <optional>

namespace countersign {

/* A verified request. It lives until the handler returns. */
struct HttplibRequest {
    const httplib::Request& request; /* its own `body`, `files` and form parameters stay empty */
    const Verified& verified;
    const std::string& body; /* as received: neither unpacked nor taken apart */
};

using HttplibHandler = std::function<void(const HttplibRequest&, httplib::Response&)>;

struct GuardOptions {
    /* Of a body that no hash covers, kept for the handler; a larger one gets 413. */
    std::size_t unhashed_body_bytes_max = std::size_t{12} * 1024 * 1024;
    /* How much of a refused body is read, so that the client hears the answer and the connection stays. A
     * longer one ends the connection. */
    std::size_t dropped_bytes_max = std::size_t{1024} * 1024;
    /* Told what lookup and replay guard throw; the client gets 500 and no word of it. */
    std::function<void(std::exception_ptr)> on_error;
    /* Whether cpp-httplib cuts what a `Range` header asks for out of the handler's answer, as it does by
     * itself, for every method and with the status 206 where the handler sets none. */
    bool ranges_answered = true;
};

/* The headers that a client sent, without those that cpp-httplib adds to them. */
inline std::vector<Header> received_headers(const httplib::Headers& headers) {
    std::vector<Header> received;
    for (const auto& [name, value] : headers) {
        const bool is_added = name == "REMOTE_ADDR" || name == "REMOTE_PORT" || name == "LOCAL_ADDR" ||
                              name == "LOCAL_PORT";
        if (!is_added) {
            received.push_back({name, value});
        }
    }
    return received;
}

namespace detail {

/* No client can send a header of this name. */
inline constexpr const char* method_header = "\n method";

/* cpp-httplib reads a body as it is only of a POST that is neither packed nor a form of parts, and without
 * a length it reads until the client is gone. So every request is made such a POST until its body is read.
 * The requests are cpp-httplib's own and not const; only its interface is. */
class Disguise {
public:
    static void put_on(const httplib::Request& given) {
        auto& request = const_cast<httplib::Request&>(given);
        request.headers.emplace(method_header, std::exchange(request.method, "POST"));
    }

    explicit Disguise(const httplib::Request& given) : request_(const_cast<httplib::Request&>(given)) {
        method_ = request_.get_header_value(method_header);
        request_.headers.erase(method_header);
        headers_ = request_.headers;
        request_.headers.erase("Content-Type");
        request_.headers.erase("Content-Encoding");
        if (!request_.has_header("Transfer-Encoding") && !request_.has_header("Content-Length")) {
            request_.headers.emplace("Content-Length", "0");
        }
    }
    ~Disguise() { take_off(); }
    Disguise(const Disguise&) = delete;
    Disguise& operator=(const Disguise&) = delete;

    void take_off() {
        if (!method_.empty()) {
            request_.method = std::exchange(method_, {});
            request_.headers = std::move(headers_);
        }
    }

    /* What is answered is then told whole, whatever part of it was asked for. The header stays. */
    void drop_ranges() { request_.ranges.clear(); }

    Request received() const { return {method_, request_.target, received_headers(headers_)}; }

private:
    httplib::Request& request_;
    std::string method_;
    httplib::Headers headers_;
};

/* One request, from its headers to its answer. */
class Exchange {
public:
    Exchange(const Verifier& verifier, const GuardOptions& options, httplib::Response& response)
        : verifier_(verifier), options_(options), response_(response) {}

    /* False where it is refused already. */
    bool begin(const Request& received, const httplib::Request& request) {
        announced_bytes_ = announced(request);
        attempt([&] {
            verification_.emplace(verifier_.begin(received));
            bytes_max_ = verification_->needs_body() ? verifier_.options().body_bytes_max
                                                     : options_.unhashed_body_bytes_max;
            if (announced_bytes_ > bytes_max_) {
                refuse_large();
            }
        });
        return !is_refused_;
    }

    /* False where the rest of the body, or all of it, is still on its way. */
    bool read(const httplib::ContentReader& reader) {
        if (is_refused_ && announced_bytes_ > options_.dropped_bytes_max) {
            return false;
        }
        const bool is_whole = reader([&](const char* data, std::size_t length) {
            attempt([&] { take({data, length}); });
            dropped_bytes_ += is_refused_ ? length : 0;
            return dropped_bytes_ <= options_.dropped_bytes_max;
        });
        response_.status = -1; /* what cpp-httplib thinks of the body */
        if (!is_whole && !is_refused_) {
            refuse(400, "{\n  \"verified\": false,\n  \"reason\": \"BODY_BROKEN\",\n"
                        "  \"message\": \"the body did not arrive whole\"\n}\n");
        }
        return is_whole;
    }

    std::optional<Verified> finish() {
        std::optional<Verified> verified;
        attempt([&] { verified = verification_->finish(); });
        return verified;
    }

    bool is_refused() const { return is_refused_; }
    const std::string& body() const { return body_; }

    void answer() {
        response_.status = answer_status_;
        response_.set_content(answer_, "application/json");
    }

    /* Answers, and then ends the connection: a provider that gives up is how cpp-httplib can be told. */
    void answer_and_end_connection() {
        answer();
        response_.set_header("Connection", "close");
        response_.set_content_provider(
            response_.body.size(), "application/json",
            [text = response_.body](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                sink.write(text.data() + offset, length);
                return false;
            });
    }

private:
    static unsigned long long announced(const httplib::Request& request) {
        return std::strtoull(request.get_header_value("Content-Length").c_str(), nullptr, 10);
    }

    void take(std::string_view piece) {
        if (is_refused_) {
            return;
        }
        if (piece.size() > bytes_max_ || body_.size() > bytes_max_ - piece.size()) {
            refuse_large();
        }
        verification_->feed(piece);
        body_.append(piece);
    }

    [[noreturn]] void refuse_large() const {
        countersign_result result = {};
        result.reason = COUNTERSIGN_BODY_TOO_LARGE;
        result.http_status = 413;
        std::snprintf(result.message, sizeof result.message, "the body is larger than %zu bytes", bytes_max_);
        throw Refused(result);
    }

    template <typename Step>
    void attempt(Step step) {
        try {
            step();
        } catch (const Refused& refused) {
            refuse(refused.status(), refused.to_json());
        } catch (...) {
            if (options_.on_error) {
                options_.on_error(std::current_exception());
            }
            refuse(500, "{\n  \"verified\": false,\n  \"reason\": \"FAILED\",\n"
                        "  \"message\": \"the request could not be verified\"\n}\n");
        }
    }

    void refuse(int status, std::string json) {
        is_refused_ = true;
        body_.clear();
        answer_status_ = status;
        answer_ = std::move(json);
    }

    const Verifier& verifier_;
    const GuardOptions& options_;
    httplib::Response& response_;
    std::optional<Verification> verification_;
    std::size_t bytes_max_ = 0;
    std::size_t dropped_bytes_ = 0;
    unsigned long long announced_bytes_ = 0;
    std::string body_;
    bool is_refused_ = false;
    int answer_status_ = 500;
    std::string answer_;
};

}  // namespace detail

/* Gives every request of the server, of whatever method and path, to the handler if it is verified, and
 * otherwise answers 401 (413 for body_too_large, 500 where lookup or guard throw) with the reason as JSON.
 * Sets the server's pre-routing, Post and Expect handlers. What the handler throws is cpp-httplib's. */
inline void guard(httplib::Server& server, const Verifier& verifier, HttplibHandler handler,
                  GuardOptions options = {}) {
    /* Whoever waits for a word before sending a body is refused before sending it. */
    server.set_expect_100_continue_handler(
        [=](const httplib::Request& request, httplib::Response& response) {
            detail::Exchange exchange(verifier, options, response);
            if (exchange.begin({request.method, request.target, received_headers(request.headers)}, request)) {
                return 100;
            }
            exchange.answer();
            response.set_header("Content-Length", std::to_string(response.body.size()));
            return response.status;
        });
    server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response&) {
        detail::Disguise::put_on(request);
        return httplib::Server::HandlerResponse::Unhandled;
    });
    /* Not `.*`, for a path may hold a line end. */
    server.Post(R"([\s\S]*)", [=](const httplib::Request& request, httplib::Response& response,
                                 const httplib::ContentReader& reader) {
        detail::Exchange exchange(verifier, options, response);
        detail::Disguise disguise(request);
        exchange.begin(disguise.received(), request);
        const bool is_read = exchange.read(reader);
        std::optional<Verified> verified;
        if (!exchange.is_refused()) {
            verified = exchange.finish();
        }
        if (exchange.is_refused() || !options.ranges_answered) {
            disguise.drop_ranges();
        }
        if (!is_read) {
            /* Still a POST, for of a HEAD no content would be asked for. */
            exchange.answer_and_end_connection();
            return;
        }
        disguise.take_off();
        if (exchange.is_refused()) {
            exchange.answer();
        } else {
            handler({request, *verified, exchange.body()}, response);
        }
    });
}

}  // namespace countersign

#endif
