/*
 * A sample backend: verifies every request, and answers with what it saw or with the reason.
 *
 *     build/sample_server --port 9000 --key signature_key1 --secret-file secret
 */
#include <countersign/httplib.hpp>

#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include <openssl/evp.h>

namespace {

constexpr std::size_t body_bytes_max = std::size_t{64} * 1024 * 1024;

/* A JSON string, of UTF-8 or else of bytes that are a character each. */
std::string json(std::string_view text, bool is_utf8 = false) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out = "\"";
    for (const char each : text) {
        const auto byte = static_cast<unsigned char>(each);
        if (byte < 0x20 || (byte >= 0x7F && !is_utf8)) {
            out += {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
        } else {
            out += each == '"' || each == '\\' ? std::string{'\\', each} : std::string{each};
        }
    }
    return out + '"';
}

/* A Basic header, whatever header it travels in, is the secret itself. */
std::string_view shown(std::string_view value) {
    std::string start;
    const auto from = value.find_first_not_of(" \t");
    for (const char each : from == value.npos ? "" : value.substr(from, 6)) {
        start += each >= 'A' && each <= 'Z' ? static_cast<char>(each - 'A' + 'a') : each;
    }
    return start == "basic " || start == "basic\t" ? "Basic (redacted)" : value;
}

std::string sha256(std::string_view data) {
    static constexpr char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE] = {};
    EVP_Digest(data.data(), data.size(), digest, nullptr, EVP_sha256(), nullptr);
    std::string hex;
    for (int at = 0; at < 32; at++) {
        hex += {digits[digest[at] >> 4], digits[digest[at] & 15]};
    }
    return hex;
}

void answer(const countersign::HttplibRequest& given, httplib::Response& response) {
    std::ostringstream out;
    out << "{\n  \"verified\": true,\n  \"key\": " << json(given.verified.key, true)
        << ",\n  \"scheme\": " << json(to_string(given.verified.scheme))
        << ",\n  \"payload_signed\": " << (given.verified.payload_signed ? "true" : "false")
        << ",\n  \"method\": " << json(given.request.method)
        << ",\n  \"target\": " << json(given.request.target) << ",\n  \"headers\": [";
    const char* separator = "\n    [";
    for (const auto& [name, value] : countersign::received_headers(given.request.headers)) {
        out << std::exchange(separator, ",\n    [") << json(name) << ", " << json(shown(value)) << "]";
    }
    out << "\n  ],\n  \"body_bytes\": " << given.body.size()
        << ",\n  \"body_sha256\": " << json(sha256(given.body)) << "\n}\n";
    /* Provided, for a content that is set would be packed for clients that accept it. */
    const std::string text = out.str();
    response.set_content_provider(text.size(), "application/json",
                                  [text](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                                      return sink.write(text.data() + offset, length);
                                  });
}

struct Arguments {
    int port = 9000;
    std::string key;
    std::string secret;
    bool unsigned_payload_allowed = false;
};

/* One line end at the end of the file is no part of the secret. */
std::string read_secret(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string secret{std::istreambuf_iterator<char>(file), {}};
    if (!secret.empty() && secret.back() == '\n') {
        secret.pop_back();
        if (!secret.empty() && secret.back() == '\r') {
            secret.pop_back();
        }
    }
    return secret;
}

std::optional<Arguments> read_arguments(const std::vector<std::string>& given) {
    Arguments arguments;
    for (std::size_t at = 0; at < given.size(); at++) {
        if (given[at] == "--allow-unsigned-payload") {
            arguments.unsigned_payload_allowed = true;
        } else if (at + 1 == given.size()) {
            return std::nullopt;
        } else if (given[at] == "--port") {
            arguments.port = std::atoi(given[++at].c_str());
        } else if (given[at] == "--key") {
            arguments.key = given[++at];
        } else if (given[at] == "--secret-file") {
            arguments.secret = read_secret(given[++at]);
        } else {
            return std::nullopt;
        }
    }
    return arguments.key.empty() || arguments.secret.empty() ? std::nullopt : std::optional(arguments);
}

}  // namespace

int main(int count, char** given) {
    const auto arguments = read_arguments({given + 1, given + count});
    if (!arguments) {
        std::cerr << "usage: " << given[0]
                  << " --key KEY --secret-file FILE [--port PORT] [--allow-unsigned-payload]\n";
        return 2;
    }
    countersign::Options options;
    options.unsigned_payload_allowed = arguments->unsigned_payload_allowed;
    const countersign::Verifier verifier(
        [&](countersign::Scheme, std::string_view key) {
            return key == arguments->key ? std::vector{arguments->secret} : std::vector<std::string>{};
        },
        options);

    /* Blocked before there are threads, so that only `sigwait` below hears them. */
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);

    httplib::Server server;
    countersign::GuardOptions guarding;
    guarding.unhashed_body_bytes_max = body_bytes_max;
    guarding.ranges_answered = false; /* part of what was seen would be no JSON */
    guarding.on_error = [](std::exception_ptr) { std::cerr << "a request could not be verified\n"; };
    countersign::guard(server, verifier, answer, guarding);
    /* A connection holds a thread for as long as it stays; by itself it would end after five requests. */
    server.new_task_queue = [] { return new httplib::ThreadPool(64); };
    server.set_keep_alive_max_count(1'000'000);
    server.set_keep_alive_timeout(60);
    server.set_tcp_nodelay(true);
    int port = arguments->port;
    if (port == 0) {
        port = server.bind_to_any_port("127.0.0.1");
    } else if (!server.bind_to_port("127.0.0.1", port)) {
        port = -1;
    }
    if (port < 0) {
        std::cerr << "cannot listen on port " << arguments->port << '\n';
        return 1;
    }
    std::cout << "listening on 127.0.0.1:" << port << std::endl;
    std::thread([&] {
        int signal_number = 0;
        sigwait(&ends, &signal_number);
        /* Connections that idle would be waited for. */
        std::_Exit(0);
    }).detach();
    return server.listen_after_bind() ? 0 : 1;
}
