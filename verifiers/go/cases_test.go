package countersign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The cases that every verifier is held to.
type caseFile struct {
	Keys []struct {
		Key     string
		Scheme  Scheme
		Secrets []string
	}
	Cases []testCase
}

type testCase struct {
	ID, Says, Kind string
	Method, Target string
	Headers        [][2]string
	Body           []byte `json:"body_b64"`
	Now            int64
	Options        caseOptions
	Expected       expected
	Stages         *stages
}

type caseOptions struct {
	SignatureHeader        string   `json:"signature_header"`
	ClockSkewSecondsMax    *int64   `json:"clock_skew_seconds_max"`
	RequiredHeaders        []string `json:"required_headers"`
	UnsignedPayloadAllowed bool     `json:"unsigned_payload_allowed"`
	BodyBytesMax           *int64   `json:"body_bytes_max"`
	ReplayGuardAnswers     *bool    `json:"replay_guard_answers"`
}

type expected struct {
	Refused       Reason
	Key           string
	Scheme        Scheme
	PayloadSigned bool `json:"payload_signed"`
}

type stages struct {
	CanonicalRequest string `json:"canonical_request"`
	StringToSign     string `json:"string_to_sign"`
	Signature        string
}

func readCases(t testing.TB) caseFile {
	t.Helper()
	text, err := os.ReadFile("../cases/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var file caseFile
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCases(t *testing.T) {
	file := readCases(t)
	wanted, passed := map[string]int{}, map[string]int{}
	for _, test := range file.Cases {
		wanted[test.Kind]++
		ok := t.Run(test.ID, func(t *testing.T) {
			// A body comes at once, and byte by byte.
			for _, body := range []io.Reader{bytes.NewReader(test.Body), &drops{test.Body}} {
				if got := outcome(t, &file, test, body); got != test.Expected {
					t.Errorf("%s: got %+v instead of %+v", test.Says, got, test.Expected)
				}
			}
			if test.Stages != nil {
				if got := stagesOf(test); !reflect.DeepEqual(got, *test.Stages) {
					t.Errorf("%s: got %+v instead of %+v", test.Says, got, *test.Stages)
				}
			}
		})
		if ok {
			passed[test.Kind]++
		}
	}
	fmt.Printf("CASES vectors=%d/%d accepts=%d/%d refusals=%d/%d\n", passed["vector"], wanted["vector"],
		passed["accept"], wanted["accept"], passed["refuse"], wanted["refuse"])
	if wanted["vector"] < 18 || wanted["accept"] < 40 || wanted["refuse"] < 40 {
		t.Error("there are fewer cases than there were")
	}
}

func outcome(t testing.TB, file *caseFile, test testCase, body io.Reader) expected {
	t.Helper()
	request := &Request{
		Method: test.Method, Target: latin1(test.Target), Header: test.header(), Body: body,
	}
	verified, err := test.verifier(file).Verify(context.Background(), request)
	var refused *Refused
	if errors.As(err, &refused) {
		return expected{Refused: refused.Reason}
	}
	if err != nil {
		t.Fatal(err)
	}
	if left, err := io.ReadAll(request.Body); err != nil || !bytes.Equal(left, test.Body) {
		t.Errorf("the handler reads %q, %v", left, err)
	}
	return expected{Key: verified.Key, Scheme: verified.Scheme, PayloadSigned: verified.PayloadSigned}
}

func (test testCase) verifier(file *caseFile) *Verifier {
	options := []Option{
		WithClock(func() time.Time { return time.Unix(test.Now, 999) }),
		WithRequiredHeaders(test.Options.RequiredHeaders...),
	}
	if name := test.Options.SignatureHeader; name != "" {
		options = append(options, WithSignatureHeader(name))
	}
	if seconds := test.Options.ClockSkewSecondsMax; seconds != nil {
		options = append(options, WithClockSkewMax(time.Duration(*seconds)*time.Second))
	}
	if test.Options.UnsignedPayloadAllowed {
		options = append(options, WithUnsignedPayloadAllowed())
	}
	if bytes := test.Options.BodyBytesMax; bytes != nil {
		options = append(options, WithBodyBytesMax(*bytes))
	}
	if isNew := test.Options.ReplayGuardAnswers; isNew != nil {
		guard := func(context.Context, string, string, time.Time) (bool, error) { return *isNew, nil }
		options = append(options, WithReplayGuard(guard))
	}
	return New(file.lookup, options...)
}

func (file *caseFile) lookup(_ context.Context, scheme Scheme, key string) ([]string, error) {
	for _, entry := range file.Keys {
		if entry.Scheme == scheme && entry.Key == key {
			return entry.Secrets, nil
		}
	}
	return nil, nil
}

func (test testCase) header() http.Header {
	header := http.Header{}
	for _, pair := range test.Headers {
		name := latin1(pair[0])
		header[name] = append(header[name], latin1(pair[1]))
	}
	return header
}

// stagesOf makes the texts on the way to the signature, from the parts that the claim names.
func stagesOf(test testCase) stages {
	headers := map[string]string{}
	for name, values := range test.header() {
		headers[lower(name)] = values[0]
	}
	name := test.Options.SignatureHeader
	if name == "" {
		name = "authorization"
	}
	claim, _ := parseClaim(headers[lower(name)])
	var signed []signedHeader
	for _, name := range claim.signedHeaders {
		signed = append(signed, signedHeader{name, headers[name]})
	}
	payload, isSent := headers[contentHeader]
	if !isSent {
		payload = hexSHA256(test.Body)
	}
	canonical := canonicalRequest(test.Method, latin1(test.Target), signed, payload)
	text := stringToSign(strings.TrimSpace(headers[dateHeader]), canonical)
	return stages{ofLatin1(canonical), text, claim.signature}
}

// latin1 gives the bytes for which the characters of the file stand.
func latin1(text string) string {
	var bytes []byte
	for _, char := range text {
		bytes = append(bytes, byte(char))
	}
	return string(bytes)
}

func ofLatin1(text string) string {
	var chars []rune
	for _, char := range []byte(text) {
		chars = append(chars, rune(char))
	}
	return string(chars)
}

// drops gives a body byte by byte.
type drops struct{ left []byte }

func (d *drops) Read(into []byte) (int, error) {
	if len(d.left) == 0 {
		return 0, io.EOF
	}
	into[0] = d.left[0]
	d.left = d.left[1:]
	return 1, nil
}
