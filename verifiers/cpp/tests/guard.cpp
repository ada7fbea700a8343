/* The guard of cpp-httplib with limits and failures that the sample server does not have. Basic credentials
 * are enough to get in: they need no signer here. */
#include <countersign/httplib.hpp>

#include <atomic>

namespace {

std::atomic<int> failures{0};

#define CHECK(condition)                                                                                   \
    ((condition) ? (void)0                                                                                 \
                 : (void)(failures++, std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition)))

const char* const form = "multipart/form-data; boundary=x";

/* Verified requests that ask for a part of the answer. */
void test_ranges(httplib::Client& client, bool ranges_answered) {
    client.set_basic_auth("k", "s");
    const std::string whole = "POST /a 12345 text/plain";
    for (const char* const range : {"bytes=0-0", "bytes=-1", "bytes=0-0,2-3", "bytes=900-"}) {
        const auto answer = client.Post("/a", {{"Range", range}}, "12345", "text/plain");
        CHECK(answer && (answer->status != 200) == ranges_answered);
        CHECK(answer && (answer->body != whole) == ranges_answered);
        CHECK(answer && (ranges_answered || !answer->has_header("Content-Range")));
    }
    const auto answer = client.Get("/a", {{"Range", "bytes=0-0"}});
    CHECK(answer && answer->status == (ranges_answered ? 206 : 200));
    CHECK(answer && answer->body == (ranges_answered ? "G" : "GET /a  "));
    const auto head = client.Head("/a", {{"Range", "bytes=0-0"}});
    CHECK(head && head->status == (ranges_answered ? 206 : 200));
}

void test(httplib::Client& client, const std::atomic<int>& handled, const std::atomic<int>& errors) {
    client.set_keep_alive(true);
    client.set_basic_auth("k", "s");
    auto answer = client.Post("/a%2Fb?c=%zz", "12345", "text/plain");
    CHECK(answer && answer->status == 200 && answer->body == "POST /a%2Fb?c=%zz 12345 text/plain");
    answer = client.Post("/a", "12345", form);
    CHECK(answer && answer->status == 200 && answer->body == std::string("POST /a 12345 ") + form);
    answer = client.Delete("/a", "12345", "text/plain");
    CHECK(answer && answer->status == 200 && answer->body == "DELETE /a 12345 text/plain");
    answer = client.Get("/%0Aa");
    CHECK(answer && answer->status == 200 && answer->body == "GET /%0Aa  ");
    CHECK(handled == 4);

    answer = client.Post("/a", "123456", "text/plain");
    CHECK(answer && answer->status == 413 && answer->body.find("BODY_TOO_LARGE") != std::string::npos);
    answer = client.Post("/a", std::string(100'000, 'a'), "text/plain");
    CHECK(!answer || answer->status == 413);
    client.set_basic_auth("k", "t");
    answer = client.Get("/a", {{"Range", "bytes=0-1"}});
    CHECK(answer && answer->status == 401 && answer->body.find("SIGNATURE_MISMATCH") != std::string::npos);
    answer = client.Head("/a");
    CHECK(answer && answer->status == 401 && answer->body.empty());

    CHECK(errors == 0);
    client.set_basic_auth("broken", "s");
    answer = client.Post("/a", "123", "text/plain");
    CHECK(answer && answer->status == 500 && answer->body.find("FAILED") != std::string::npos);
    CHECK(answer && answer->body.find("the store") == std::string::npos);
    CHECK(answer && answer->get_header_value("EXCEPTION_WHAT").empty());
    answer = client.Post("/a", {{"Expect", "100-continue"}}, "", "text/plain");
    CHECK(answer && answer->status == 500);
    CHECK(errors == 2 && handled == 4);
}

/* Runs the test with a client of a server that is there for as long. */
void serve(const countersign::Verifier& verifier, const countersign::HttplibHandler& handler,
           const countersign::GuardOptions& options, const std::function<void(httplib::Client&)>& test_with) {
    httplib::Server server;
    countersign::guard(server, verifier, handler, options);
    const int port = server.bind_to_any_port("127.0.0.1");
    std::thread serving([&] { server.listen_after_bind(); });
    while (!server.is_running()) {
        std::this_thread::yield();
    }
    {
        httplib::Client client("127.0.0.1", port);
        client.set_url_encode(false);
        test_with(client);
    }
    server.stop();
    serving.join();
}

}  // namespace

int main() {
    const countersign::Verifier verifier([](countersign::Scheme, std::string_view key) -> std::vector<std::string> {
        if (key == "broken") {
            throw std::runtime_error("the store is gone");
        }
        return {"s"};
    });
    std::atomic<int> handled{0};
    std::atomic<int> errors{0};
    countersign::GuardOptions options;
    options.unhashed_body_bytes_max = 5;
    options.dropped_bytes_max = 1000;
    options.on_error = [&](std::exception_ptr error) { errors += error != nullptr; };
    const auto handler = [&](const countersign::HttplibRequest& given, httplib::Response& response) {
        handled++;
        response.set_content(given.request.method + " " + given.request.target + " " + given.body + " " +
                                 given.request.get_header_value("Content-Type"),
                             "text/plain");
    };
    serve(verifier, handler, options, [&](httplib::Client& client) { test(client, handled, errors); });
    for (const bool ranges_answered : {true, false}) {
        options.ranges_answered = ranges_answered;
        serve(verifier, handler, options, [&](httplib::Client& client) { test_ranges(client, ranges_answered); });
    }
    std::printf("guard: %d failures\n", failures.load());
    return failures == 0 ? 0 : 1;
}
