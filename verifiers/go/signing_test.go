package countersign

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"testing"
	"time"
)

const (
	testDate   = "20261123T120000Z"
	testKey    = "signature_key1"
	testSecret = "signature_secret1"
)

var testNow = time.Unix(1_795_435_200, 0)

func atTestNow() time.Time { return testNow }

func testLookup(_ context.Context, _ Scheme, key string) ([]string, error) {
	if key != testKey {
		return nil, nil
	}
	return []string{testSecret}, nil
}

// signedHeaders are the headers of a signed request, Host among them.
func signedHeaders(method, target, body, host, date string) http.Header {
	headers := []signedHeader{{"host", host}, {"x-sdk-date", date}}
	text := stringToSign(date, canonicalRequest(method, target, headers, hexSHA256([]byte(body))))
	mac := hmac.New(sha256.New, []byte(testSecret))
	mac.Write([]byte(text))
	return http.Header{
		"Host":       {host},
		"X-Sdk-Date": {date},
		"Authorization": {"SDK-HMAC-SHA256 Access=" + testKey + ", SignedHeaders=host;x-sdk-date, Signature=" +
			hex.EncodeToString(mac.Sum(nil))},
	}
}

func wantRefused(t *testing.T, verified *Verified, err error, reason Reason) {
	t.Helper()
	var refused *Refused
	if verified != nil || !errors.As(err, &refused) || refused.Reason != reason {
		t.Errorf("got %+v, %v instead of %s", verified, err, reason)
	}
}
