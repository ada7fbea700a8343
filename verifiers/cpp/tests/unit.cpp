/* What the cases cannot say: exceptions that pass through C, lookups and guards, and limits. */
#include <countersign/verify.hpp>

#include <cstdio>
#include <type_traits>

namespace {

using countersign::Options;
using countersign::Reason;
using countersign::Refused;
using countersign::Request;
using countersign::Scheme;
using countersign::Verifier;
using Secrets = std::vector<std::string>;

constexpr std::int64_t now = 1'573'789'015;
const std::string secret = "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc";

int failures = 0;

#define CHECK(condition)                                                                                   \
    ((condition) ? (void)0                                                                                 \
                 : (void)(failures++, std::fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__,  \
                                                   __func__, #condition)))

/* The published example. */
Request request(std::string_view method = "GET") {
    return {method,
            "/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs?limit=2&marker=13551d6b-755d-4757-b956-536f674975c0",
            {{"Host", "service.region.example.com"},
             {"X-Sdk-Date", "20191115T033655Z"},
             {"Content-Type", "application/json"},
             {"Authorization",
              "SDK-HMAC-SHA256 Access=QTWAOYTTINDUT2QVKYUC, SignedHeaders=content-type;host;x-sdk-date, "
              "Signature=7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe"}}};
}

Secrets known(Scheme, std::string_view) {
    return {secret};
}

template <typename Call>
Reason reason_of(Call call) {
    try {
        call();
    } catch (const Refused& refused) {
        CHECK(std::string(refused.what()).find(secret) == std::string::npos);
        CHECK(refused.to_json().find(std::string(to_string(refused.reason()))) != std::string::npos);
        CHECK(refused.status() == (refused.reason() == Reason::body_too_large ? 413 : 401));
        return refused.reason();
    }
    return static_cast<Reason>(COUNTERSIGN_VERIFIED);
}

void a_lookup_is_asked_once_and_may_give_many_secrets_or_none() {
    int calls = 0;
    const Verifier verifier([&](Scheme scheme, std::string_view key) {
        calls++;
        CHECK(scheme == Scheme::hmac && key == "QTWAOYTTINDUT2QVKYUC");
        return Secrets{"", "other", secret};
    });
    const auto verified = verifier.verify(request(), "", now);
    CHECK(calls == 1 && verified.key == "QTWAOYTTINDUT2QVKYUC" && verified.payload_signed);
    for (const Secrets& none : {Secrets{}, Secrets{""}, Secrets{"", ""}}) {
        const Verifier knows_nothing([&](Scheme, std::string_view) { return none; });
        CHECK(reason_of([&] { knows_nothing.verify(request(), "", now); }) == Reason::unknown_key);
    }
}

void what_a_lookup_or_a_guard_throws_is_passed_on() {
    const auto broken = [](auto&&...) -> Secrets { throw std::out_of_range("the store is gone"); };
    Options options;
    options.replay_guard = [](auto&&...) -> bool { throw std::out_of_range("the store is gone"); };
    int caught = 0;
    for (const Verifier& verifier : {Verifier(broken), Verifier(known, options)}) {
        try {
            verifier.verify(request(), "", now);
        } catch (const std::out_of_range&) {
            caught++;
        }
    }
    CHECK(caught == 2);
}

void too_many_secrets_are_a_failure() {
    const Verifier verifier([](Scheme, std::string_view) { return Secrets(17, secret); });
    bool has_failed = false;
    try {
        verifier.verify(request(), "", now);
    } catch (const countersign::Failure&) {
        has_failed = true;
    }
    CHECK(has_failed);
}

void a_guard_is_asked_last_and_told_until_when_to_remember() {
    int calls = 0;
    bool is_new = true;
    Options options;
    options.replay_guard = [&](std::string_view key, std::string_view signature, std::int64_t expires_at) {
        calls++;
        CHECK(key == "QTWAOYTTINDUT2QVKYUC" && signature.size() == 64 && expires_at == now + 900);
        return is_new;
    };
    const Verifier verifier(known, options);
    verifier.verify(request(), "", now);
    CHECK(reason_of([&] { verifier.verify(request(), "changed", now); }) == Reason::signature_mismatch);
    CHECK(calls == 1);
    is_new = false;
    CHECK(reason_of([&] { verifier.verify(request(), "", now); }) == Reason::replayed);
}

void pieces_end_at_the_limit_and_a_verification_ends_once() {
    Options options;
    options.body_bytes_max = 3;
    const Verifier verifier(known, options);
    auto verification = verifier.begin(request(), now);
    CHECK(verification.needs_body());
    verification.feed("123");
    CHECK(reason_of([&] { verification.feed("4"); }) == Reason::body_too_large);
    CHECK(reason_of([&] { verification.finish(); }) == Reason::body_too_large);

    auto other = verifier.begin(request(), now);
    CHECK(other.finish().key == "QTWAOYTTINDUT2QVKYUC");
    bool is_over = false;
    try {
        other.finish();
    } catch (const countersign::Failure&) {
        is_over = true;
    }
    CHECK(is_over);
    CHECK(reason_of([&] { verifier.begin(request(), now + 901); }) == Reason::clock_skew);
    CHECK(reason_of([&] { verifier.begin({}, now); }) == Reason::missing_authorization);
}

void a_verification_outlives_its_verifier_and_its_request() {
    auto begin = [] {
        const std::string method = "GET";
        return Verifier(known).begin(request(method), now);
    };
    auto verification = begin();
    auto moved = std::move(verification);
    CHECK(moved.finish().scheme == Scheme::hmac);
    static_assert(!std::is_copy_constructible_v<countersign::Verification>);
}

}  // namespace

int main() {
    a_lookup_is_asked_once_and_may_give_many_secrets_or_none();
    what_a_lookup_or_a_guard_throws_is_passed_on();
    too_many_secrets_are_a_failure();
    a_guard_is_asked_last_and_told_until_when_to_remember();
    pieces_end_at_the_limit_and_a_verification_ends_once();
    a_verification_outlives_its_verifier_and_its_request();
    std::printf("unit: %d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
