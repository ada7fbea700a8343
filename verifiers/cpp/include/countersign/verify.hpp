/*
 * Verifies that a request came through the gateway, and says why when it did not. C++17 over the C
 * library in ../c, which does all of the work.
 *
 *     const countersign::Verifier verifier(lookup);
 *     try {
 *         auto verified = verifier.verify({"POST", "/orders?id=7", headers}, body);
 *     } catch (const countersign::Refused& refused) {
 *         // answer refused.status() with refused.to_json()
 *     }
 *
 * A refusal is an exception, so that a caller who forgets to look is not let through.
 */
#ifndef COUNTERSIGN_VERIFY_HPP
#define COUNTERSIGN_VERIFY_HPP

#include <countersign_verify.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace countersign {

/* In the order in which they are looked for; the numbers are those of the C library. */
enum class Reason : int {
    missing_authorization = COUNTERSIGN_MISSING_AUTHORIZATION,
    malformed_authorization = COUNTERSIGN_MALFORMED_AUTHORIZATION,
    unknown_key = COUNTERSIGN_UNKNOWN_KEY,
    signed_header_missing = COUNTERSIGN_SIGNED_HEADER_MISSING,
    signed_header_repeated = COUNTERSIGN_SIGNED_HEADER_REPEATED,
    date_missing_or_unsigned = COUNTERSIGN_DATE_MISSING_OR_UNSIGNED,
    date_malformed = COUNTERSIGN_DATE_MALFORMED,
    clock_skew = COUNTERSIGN_CLOCK_SKEW,
    unsigned_payload = COUNTERSIGN_UNSIGNED_PAYLOAD,
    body_too_large = COUNTERSIGN_BODY_TOO_LARGE,
    signature_mismatch = COUNTERSIGN_SIGNATURE_MISMATCH,
    body_mismatch = COUNTERSIGN_BODY_MISMATCH,
    replayed = COUNTERSIGN_REPLAYED
};

enum class Scheme : int { hmac = COUNTERSIGN_SCHEME_HMAC, basic = COUNTERSIGN_SCHEME_BASIC };

/* "SIGNATURE_MISMATCH" and so on. */
inline std::string_view to_string(Reason reason) {
    return countersign_reason_text(static_cast<countersign_reason>(reason));
}

/* "SDK-HMAC-SHA256" or "Basic". */
inline std::string_view to_string(Scheme scheme) {
    return countersign_scheme_text(static_cast<countersign_scheme>(scheme));
}

/* The request is not to be trusted, for exactly one reason. */
class Refused : public std::runtime_error {
public:
    explicit Refused(const countersign_result& result)
        : std::runtime_error(std::string(countersign_reason_text(result.reason)) + ": " + result.message),
          result_(result) {}

    Reason reason() const noexcept { return static_cast<Reason>(result_.reason); }
    /* For people. Never holds a secret. */
    std::string_view message() const noexcept { return result_.message; }
    /* The HTTP status to answer with: 401, or 413 for body_too_large. */
    int status() const noexcept { return result_.http_status; }
    /* The body to answer with. */
    std::string to_json() const {
        char text[COUNTERSIGN_REFUSAL_JSON_BYTES_MAX];
        return std::string(text, countersign_refusal_json(&result_, text, sizeof text));
    }

private:
    countersign_result result_;
};

/* Nothing was decided, for there was no memory, or the crypto failed, or a key had too many secrets. */
class Failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct Header {
    std::string_view name; /* in any case */
    std::string_view value;
};

/* A request as it arrived. What it views may be gone once a verification has begun. */
struct Request {
    std::string_view method;
    std::string_view target; /* path and query as received, nothing decoded; no scheme, no host */
    std::vector<Header> headers; /* repeated ones repeated */
};

/* Who signed a request. */
struct Verified {
    std::string key;
    Scheme scheme;
    bool payload_signed; /* whether the signature covers the body; never with Basic */
};

/* The secrets of a key of that scheme: several while one replaces another, none where it is unknown. An
 * empty secret counts as none. What it throws is passed on. */
using Lookup = std::function<std::vector<std::string>(Scheme scheme, std::string_view key)>;

/* Whether the signature is new; remembers it until the Unix second `expires_at`. What it throws is passed
 * on. */
using ReplayGuard =
    std::function<bool(std::string_view key, std::string_view signature, std::int64_t expires_at)>;

/* What a verifier insists on; `verifiers/README.md` explains each. */
struct Options {
    std::string signature_header = "authorization";
    std::uint32_t clock_skew_seconds_max = 900;
    std::vector<std::string> required_headers;
    bool unsigned_payload_allowed = false;
    std::size_t body_bytes_max = std::size_t{12} * 1024 * 1024;
    ReplayGuard replay_guard;
    const countersign_crypto* crypto = nullptr; /* nullptr: OpenSSL */
};

namespace detail {

/* What a verifier was made of. Never changes, so that threads can share it. */
struct Setup {
    Lookup lookup;
    Options options;
    std::vector<const char*> required_headers;

    Setup(Lookup lookup_given, Options options_given)
        : lookup(std::move(lookup_given)), options(std::move(options_given)) {
        for (const auto& name : options.required_headers) {
            required_headers.push_back(name.c_str());
        }
        required_headers.push_back(nullptr);
    }
    Setup(const Setup&) = delete;
    Setup& operator=(const Setup&) = delete;
};

inline countersign_bytes bytes_of(std::string_view text) {
    return {text.data(), text.size()};
}

inline std::string_view view_of(countersign_bytes bytes) {
    return {bytes.length == 0 ? "" : bytes.data, bytes.length};
}

/* One verification's calls back from C, through which no exception may pass. */
struct Calls {
    std::shared_ptr<const Setup> setup;
    std::exception_ptr error;

    static bool look_up(void* context, countersign_scheme scheme, countersign_bytes key,
                        countersign_secrets* secrets) noexcept {
        auto& calls = *static_cast<Calls*>(context);
        try {
            bool is_taken = true;
            for (auto& secret : calls.setup->lookup(static_cast<Scheme>(scheme), view_of(key))) {
                is_taken = countersign_secrets_add(secrets, secret.data(), secret.size()) && is_taken;
                /* These copies are nobody else's, and need not stay in memory. */
                volatile char* const written = secret.data();
                for (std::size_t at = 0; at < secret.size(); at++) {
                    written[at] = 0;
                }
            }
            return is_taken;
        } catch (...) {
            calls.error = std::current_exception();
            return false;
        }
    }

    static countersign_replay_answer guard(void* context, countersign_bytes key,
                                           countersign_bytes signature, std::int64_t expires_at) noexcept {
        auto& calls = *static_cast<Calls*>(context);
        try {
            const auto& ask = calls.setup->options.replay_guard;
            const bool is_new = ask(view_of(key), view_of(signature), expires_at);
            return is_new ? COUNTERSIGN_REPLAY_NEW : COUNTERSIGN_REPLAY_SEEN;
        } catch (...) {
            calls.error = std::current_exception();
            return COUNTERSIGN_REPLAY_UNANSWERED;
        }
    }

    [[noreturn]] void raise(const countersign_result& result) {
        if (error) {
            std::rethrow_exception(std::exchange(error, nullptr));
        }
        if (result.reason == COUNTERSIGN_FAILED || result.reason == COUNTERSIGN_VERIFIED) {
            throw Failure(result.message);
        }
        throw Refused(result);
    }
};

struct Free {
    void operator()(countersign_verification* verification) const { countersign_free(verification); }
};

}  // namespace detail

/* A verification under way, whose body comes in pieces. May be moved, and dropped at any moment. */
class Verification {
public:
    /* Whether the body has to be fed. It need not with Basic and with an allowed UNSIGNED-PAYLOAD. */
    bool needs_body() const { return countersign_needs_body(verification_.get()); }

    /* Takes the next piece of the body. Throws Refused past the limit: read no further. */
    void feed(std::string_view piece) {
        countersign_result result;
        if (!countersign_feed(verification_.get(), piece.data(), piece.size(), &result)) {
            calls_->raise(result);
        }
    }

    /* Says, once, after the last piece, who signed the request. */
    Verified finish() {
        countersign_result result;
        if (!countersign_finish(verification_.get(), &result)) {
            calls_->raise(result);
        }
        return {std::string(result.key, result.key_length), static_cast<Scheme>(result.scheme),
                result.payload_signed};
    }

private:
    friend class Verifier;

    Verification(std::shared_ptr<const detail::Setup> setup, const Request& request, std::int64_t now)
        : calls_(std::make_unique<detail::Calls>()) {
        calls_->setup = std::move(setup);
        const Options& given = calls_->setup->options;
        countersign_options options;
        countersign_options_init(&options, detail::Calls::look_up, calls_.get());
        options.signature_header = given.signature_header.c_str();
        options.clock_skew_seconds_max = given.clock_skew_seconds_max;
        options.required_headers = calls_->setup->required_headers.data();
        options.unsigned_payload_allowed = given.unsigned_payload_allowed;
        options.body_bytes_max = given.body_bytes_max;
        options.replay_guard = given.replay_guard ? detail::Calls::guard : nullptr;
        options.replay_guard_context = calls_.get();
        options.crypto = given.crypto;

        std::vector<countersign_header> headers;
        headers.reserve(request.headers.size());
        for (const auto& header : request.headers) {
            headers.push_back({detail::bytes_of(header.name), detail::bytes_of(header.value)});
        }
        const countersign_request received = {detail::bytes_of(request.method),
                                              detail::bytes_of(request.target), headers.data(),
                                              headers.size()};
        countersign_result result;
        verification_.reset(countersign_begin(&received, &options, now, &result));
        if (!verification_) {
            calls_->raise(result);
        }
    }

    /* What C calls back stays where it is when this is moved. */
    std::unique_ptr<detail::Calls> calls_;
    std::unique_ptr<countersign_verification, detail::Free> verification_;
};

/* Verifies requests. Copies share what they were made of; threads may share one, where they may share its
 * lookup and its guard. */
class Verifier {
public:
    explicit Verifier(Lookup lookup, Options options = {})
        : setup_(std::make_shared<const detail::Setup>(std::move(lookup), std::move(options))) {}

    /* Says who signed the request, or throws Refused. `now` is in Unix seconds. */
    Verified verify(const Request& request, std::string_view body,
                    std::int64_t now = std::time(nullptr)) const {
        Verification verification = begin(request, now);
        verification.feed(body);
        return verification.finish();
    }

    /* Refuses all that can be refused without the body. */
    Verification begin(const Request& request, std::int64_t now = std::time(nullptr)) const {
        return Verification(setup_, request, now);
    }

    const Options& options() const { return setup_->options; }

private:
    std::shared_ptr<const detail::Setup> setup_;
};

}  // namespace countersign

#endif
