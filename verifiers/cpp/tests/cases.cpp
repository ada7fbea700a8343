/* Every shared case, at once and in pieces. */
#include <countersign/verify.hpp>

#include "case_file.h"

#include <cstdio>
#include <functional>
#include <map>

namespace {

std::string text(countersign_bytes bytes) {
    return {bytes.data, bytes.length};
}

std::vector<std::string> look_up(const case_file& file, countersign::Scheme scheme, std::string_view key) {
    std::vector<std::string> secrets;
    for (std::size_t at = 0; at < file.key_count; at++) {
        const known_key& known = file.keys[at];
        for (std::size_t each = 0; each < known.secret_count; each++) {
            if (text(known.scheme) == to_string(scheme) && text(known.key) == key) {
                secrets.push_back(text(known.secrets[each]));
            }
        }
    }
    return secrets;
}

countersign::Options options_of(const test_case& given) {
    countersign::Options options;
    options.crypto = test_crypto();
    if (given.signature_header.length > 0) {
        options.signature_header = text(given.signature_header);
    }
    if (given.clock_skew_seconds_max.length > 0) {
        options.clock_skew_seconds_max = static_cast<std::uint32_t>(std::stoul(text(given.clock_skew_seconds_max)));
    }
    for (std::size_t at = 0; at < given.required_count; at++) {
        options.required_headers.push_back(text(given.required[at]));
    }
    options.unsigned_payload_allowed = text(given.unsigned_payload_allowed) == "yes";
    if (given.body_bytes_max.length > 0) {
        options.body_bytes_max = std::stoul(text(given.body_bytes_max));
    }
    if (given.replay_guard_answers.length > 0) {
        const bool is_new = text(given.replay_guard_answers) == "yes";
        options.replay_guard = [=](std::string_view, std::string_view, std::int64_t) { return is_new; };
    }
    return options;
}

std::string told(const std::string& key, std::string_view scheme, bool is_payload_signed) {
    return key + " by " + std::string(scheme) + (is_payload_signed ? ", body and all" : ", but the body");
}

std::string outcome(const std::function<countersign::Verified()>& verify) {
    try {
        const auto verified = verify();
        return told(verified.key, to_string(verified.scheme), verified.payload_signed);
    } catch (const countersign::Refused& refused) {
        return std::string(to_string(refused.reason()));
    }
}

bool is_as_expected(const case_file& file, const test_case& given) {
    const auto expected = given.refused.length > 0
                              ? text(given.refused)
                              : told(text(given.key), text(given.scheme), text(given.payload_signed) == "yes");
    const countersign::Verifier verifier(
        [&](countersign::Scheme scheme, std::string_view key) { return look_up(file, scheme, key); },
        options_of(given));
    countersign::Request request{countersign::detail::view_of(given.method),
                                 countersign::detail::view_of(given.target), {}};
    for (std::size_t at = 0; at < given.header_count; at++) {
        request.headers.push_back({countersign::detail::view_of(given.headers[at].name),
                                   countersign::detail::view_of(given.headers[at].value)});
    }
    const auto body = countersign::detail::view_of(given.body);
    const auto now = case_now(&given);
    const auto at_once = outcome([&] { return verifier.verify(request, body, now); });
    const auto in_pieces = outcome([&] {
        auto verification = verifier.begin(request, now);
        for (std::size_t at = 0; at < body.size(); at += 7) {
            verification.feed(body.substr(at, 7));
        }
        auto moved = std::move(verification);
        return moved.finish();
    });
    if (at_once != expected || in_pieces != expected) {
        std::fprintf(stderr, "%s: %s, %s in pieces, instead of %s\n", text(given.id).c_str(), at_once.c_str(),
                     in_pieces.c_str(), expected.c_str());
        return false;
    }
    return true;
}

}  // namespace

int main(int count, char** arguments) {
    case_file file = case_file_read(count > 1 ? arguments[1] : "build/cases.bin");
    std::map<std::string, std::size_t> wanted;
    std::map<std::string, std::size_t> passed;
    for (std::size_t at = 0; at < file.case_count; at++) {
        const std::string kind = text(file.cases[at].kind);
        wanted[kind]++;
        passed[kind] += is_as_expected(file, file.cases[at]);
    }
    std::printf("CASES vectors=%zu/%zu accepts=%zu/%zu refusals=%zu/%zu\n", passed["vector"], wanted["vector"],
                passed["accept"], wanted["accept"], passed["refuse"], wanted["refuse"]);
    case_file_free(&file);
    const bool are_all_there = wanted["vector"] > 0 && wanted["accept"] > 0 && wanted["refuse"] >= 40;
    return are_all_there && passed == wanted ? 0 : 1;
}
