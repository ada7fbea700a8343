package countersign

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// echo is a handler that reads its body as if nobody had.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	verified, ok := FromContext(r.Context())
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%v %v %s %v", verified, ok, body, err)
})

// received is a request as a server of net/http hands it over: Host is no header.
func received(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header = signedHeaders(method, target, body, "backend", testDate)
	r.Header.Del("Host")
	r.Host = "backend"
	return r
}

func serve(verifier *Verifier, r *http.Request) (int, string) {
	w := httptest.NewRecorder()
	verifier.Middleware(echo).ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestTheBodyStaysReadable(t *testing.T) {
	status, answer := serve(New(testLookup, WithClock(atTestNow)), received("POST", "/a?b", "abc"))
	if status != 200 || answer != "&{signature_key1 SDK-HMAC-SHA256 true} true abc <nil>" {
		t.Error(status, answer)
	}
}

func TestABodyThatIsNotSignedIsNotRead(t *testing.T) {
	r := received("POST", "/", "abc")
	credentials := base64.StdEncoding.EncodeToString([]byte(testKey + ":" + testSecret))
	r.Header.Set("Authorization", "Basic "+credentials)
	r.Body = io.NopCloser(untouchable{t})
	verified, err := New(testLookup, WithBodyBytesMax(1)).VerifyHTTP(r)
	if err != nil || *verified != (Verified{testKey, Basic, false}) {
		t.Error(verified, err)
	}
	r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(testKey+":other")))
	verified, err = New(testLookup).VerifyHTTP(r)
	wantRefused(t, verified, err, SignatureMismatch)
}

func TestABodyKnownToBeTooLargeIsNotRead(t *testing.T) {
	r := received("POST", "/a", "abc")
	r.Body = io.NopCloser(untouchable{t})
	r.ContentLength = 13_000_000
	status, answer := serve(New(testLookup, WithClock(atTestNow)), r)
	if status != 413 || !strings.Contains(answer, `"reason": "BODY_TOO_LARGE"`) {
		t.Error(status, answer)
	}
}

func TestABodyThatBreaksOffIsNoAcceptance(t *testing.T) {
	broken := errors.New("connection reset")
	r := received("POST", "/a", "abc")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("abc"), failing{broken}))
	status, answer := serve(New(testLookup, WithClock(atTestNow)), r)
	if status != 500 || answer != "Internal Server Error\n" {
		t.Error(status, answer)
	}
	r = received("POST", "/a", "abc")
	r.Body = io.NopCloser(failing{broken})
	var got error
	handler := func(w http.ResponseWriter, _ *http.Request, err error) { got = err }
	serve(New(testLookup, WithClock(atTestNow), WithErrorHandler(handler)), r)
	if got != broken {
		t.Error(got)
	}
}

func TestARefusalIsAnAnswerOfItsOwn(t *testing.T) {
	r := received("POST", "/a", "abc")
	r.RequestURI = "/b"
	status, answer := serve(New(testLookup, WithClock(atTestNow)), r)
	if status != 401 || !strings.HasPrefix(answer, "{\n  \"verified\": false,\n  \"reason\": \"SIGNATURE_MISMATCH\"") {
		t.Error(status, answer)
	}
}

func TestTheTargetIsTheOneThatWasReceived(t *testing.T) {
	r := received("POST", "/api/a%2Fb?q", "abc")
	stripped := http.StripPrefix("/api", New(testLookup, WithClock(atTestNow)).Middleware(echo))
	w := httptest.NewRecorder()
	stripped.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
	// What comes by CGI has no RequestURI; that must not pass for a signed "/".
	r = received("POST", "/", "abc")
	r.RequestURI, r.URL = "", &url.URL{Path: "/admin"}
	verified, err := New(testLookup, WithClock(atTestNow)).VerifyHTTP(r)
	wantRefused(t, verified, err, SignatureMismatch)
}

func TestNobodySignedWithoutTheMiddleware(t *testing.T) {
	if verified, ok := FromContext(context.Background()); ok || verified != nil {
		t.Error(verified, ok)
	}
}

// What net/http does to a request on its way: over a socket, byte by byte as written here.
func TestServer(t *testing.T) {
	server := httptest.NewServer(New(testLookup, WithClock(atTestNow)).Middleware(echo))
	defer server.Close()
	host := server.Listener.Addr().String()
	for _, target := range []string{
		"/", "//a//b", "/a%2Fb/caf%C3%A9/", "/raw\xe9{}|", "/./a/../b", "/?q=%zz&b=2&a=%20+%2B&a&=x", "/?",
	} {
		head := requestHead("POST", target, "abc", host)
		if status := send(t, host, head+"Content-Length: 3\r\n\r\nabc"); status != 200 {
			t.Error(target, status)
		}
		chunked := head + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nTrailer: x\r\n\r\n"
		if status := send(t, host, chunked); status != 200 {
			t.Error(target, "in chunks", status)
		}
		if status := send(t, host, head+"Content-Length: 3\r\n\r\nabd"); status != 401 {
			t.Error(target, "with another body", status)
		}
	}
	head := requestHead("GET", "/", "", host)
	for rest, wanted := range map[string]int{
		"X-Other: 1\r\nX-Other: 2\r\n\r\n": 200,
		"X-Sdk-Date: 1\r\n\r\n":            401,
		"x-sdk-date: 1\r\n\r\n":            401,
		"X-Sdk-Content-Sha256: \r\n\r\n":   401,
		"Host: " + host + "\r\n\r\n":       400,
	} {
		if status := send(t, host, head+rest); status != wanted {
			t.Errorf("%q: %d", rest, status)
		}
	}
}

func requestHead(method, target, body, host string) string {
	head := method + " " + target + " HTTP/1.1\r\nConnection: close\r\n"
	for name, values := range signedHeaders(method, target, body, host, testDate) {
		head += name + ": " + values[0] + "\r\n"
	}
	return head
}

func send(t *testing.T, host, request string) int {
	t.Helper()
	connection, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprint(connection, request)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
