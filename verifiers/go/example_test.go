package countersign_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"example.com/countersign"
)

// Several secrets while one replaces another.
var secrets = map[string][]string{"signature_key1": {"signature_secret1"}}

func lookup(_ context.Context, _ countersign.Scheme, key string) ([]string, error) {
	return secrets[key], nil
}

func ExampleVerifier_Middleware() {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verified, _ := countersign.FromContext(r.Context())
		fmt.Fprintf(w, "hello, %s\n", verified.Key)
	})
	handler := countersign.New(lookup).Middleware(hello)

	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
	fmt.Println(answer.Code)
	fmt.Println(answer.Body)
	// Output:
	// 401
	// {
	//   "verified": false,
	//   "reason": "MISSING_AUTHORIZATION",
	//   "message": "the request has no authorization header; only requests through the gateway are accepted"
	// }
}

func ExampleVerifier_Verify() {
	at := func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }
	verifier := countersign.New(lookup, countersign.WithClock(at))
	request := &countersign.Request{
		Method: "GET",
		Target: "/",
		Header: http.Header{
			"Host":       {"backend.example.com"},
			"X-Sdk-Date": {"20261123T120000Z"},
			"Authorization": {"SDK-HMAC-SHA256 Access=signature_key1, SignedHeaders=host;x-sdk-date, " +
				"Signature=548584de30e49431e9f59226914e22a17b54509a2dc6340826061b9694a25087"},
		},
		Body: strings.NewReader(""),
	}
	verified, err := verifier.Verify(context.Background(), request)
	fmt.Println(*verified, err)

	request.Target = "/elsewhere"
	_, err = verifier.Verify(context.Background(), request)
	var refused *countersign.Refused
	fmt.Println(errors.As(err, &refused), refused.Reason)
	// Output:
	// {signature_key1 SDK-HMAC-SHA256 true} <nil>
	// true SIGNATURE_MISMATCH
}
