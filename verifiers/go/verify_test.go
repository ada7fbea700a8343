package countersign

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func testRequest(body io.Reader) *Request {
	return &Request{
		Method: "POST", Target: "/a?b=c", Body: body,
		Header: signedHeaders("POST", "/a?b=c", "abc", "backend", testDate),
	}
}

func abc() io.Reader { return strings.NewReader("abc") }

func TestAnyOfSeveralSecretsWillDo(t *testing.T) {
	for _, secrets := range [][]string{{testSecret}, {"other", testSecret}, {"", testSecret, "other"}} {
		lookup := func(_ context.Context, scheme Scheme, key string) ([]string, error) {
			if scheme != HMAC || key != testKey {
				t.Errorf("asked for %s, %s", scheme, key)
			}
			return secrets, nil
		}
		verified, err := New(lookup, WithClock(atTestNow)).Verify(context.Background(), testRequest(abc()))
		if err != nil || *verified != (Verified{testKey, HMAC, true}) {
			t.Errorf("%q: %+v, %v", secrets, verified, err)
		}
	}
	for _, secrets := range [][]string{nil, {}, {""}, {"", ""}} {
		lookup := func(context.Context, Scheme, string) ([]string, error) { return secrets, nil }
		verified, err := New(lookup, WithClock(atTestNow)).Verify(context.Background(), testRequest(abc()))
		wantRefused(t, verified, err, UnknownKey)
	}
}

func TestWhatALookupOrAGuardFailsWithIsPassedOn(t *testing.T) {
	gone := errors.New("the store is gone")
	lookup := func(context.Context, Scheme, string) ([]string, error) { return []string{testSecret}, gone }
	guard := func(context.Context, string, string, time.Time) (bool, error) { return true, gone }
	for _, verifier := range []*Verifier{
		New(lookup, WithClock(atTestNow)),
		New(testLookup, WithClock(atTestNow), WithReplayGuard(guard)),
	} {
		verified, err := verifier.Verify(context.Background(), testRequest(abc()))
		if verified != nil || err != gone {
			t.Errorf("%+v, %v", verified, err)
		}
	}
}

func TestAGuardIsToldUntilWhenToRemember(t *testing.T) {
	seen := map[string]time.Time{}
	guard := func(_ context.Context, key, signature string, expiresAt time.Time) (bool, error) {
		_, isOld := seen[key+signature]
		seen[key+signature] = expiresAt
		return !isOld, nil
	}
	verifier := New(testLookup, WithClock(atTestNow), WithReplayGuard(guard))
	verified, err := verifier.Verify(context.Background(), testRequest(strings.NewReader("other")))
	wantRefused(t, verified, err, SignatureMismatch)
	if len(seen) != 0 {
		t.Error("the guard was asked about a request that is wrong")
	}
	if _, err := verifier.Verify(context.Background(), testRequest(abc())); err != nil {
		t.Error(err)
	}
	for _, expiresAt := range seen {
		if !expiresAt.Equal(testNow.Add(15 * time.Minute)) {
			t.Errorf("expires at %v", expiresAt)
		}
	}
	verified, err = verifier.Verify(context.Background(), testRequest(abc()))
	wantRefused(t, verified, err, Replayed)
}

func TestABodyIsNotReadBeforeTheRestIsRight(t *testing.T) {
	late := func() time.Time { return testNow.Add(901 * time.Second) }
	verifier := New(testLookup, WithClock(late))
	verified, err := verifier.Verify(context.Background(), testRequest(untouchable{t}))
	wantRefused(t, verified, err, ClockSkew)
}

func TestABodyIsReadNoFurtherThanTheLimit(t *testing.T) {
	body := &endless{}
	verifier := New(testLookup, WithClock(atTestNow), WithBodyBytesMax(100_000))
	verified, err := verifier.Verify(context.Background(), testRequest(body))
	wantRefused(t, verified, err, BodyTooLarge)
	if body.given != 100_001 {
		t.Errorf("%d bytes were read", body.given)
	}
}

func TestNothingShowsASecret(t *testing.T) {
	request := testRequest(abc())
	request.Target = "/other"
	verified, err := New(testLookup, WithClock(atTestNow)).Verify(context.Background(), request)
	wantRefused(t, verified, err, SignatureMismatch)
	if strings.Contains(err.Error(), testSecret) {
		t.Error(err)
	}
}

func TestARequestWithNothingInItIsRefused(t *testing.T) {
	verified, err := New(testLookup).Verify(context.Background(), &Request{})
	wantRefused(t, verified, err, MissingAuthorization)
}

type untouchable struct{ t *testing.T }

func (u untouchable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

type endless struct{ given int }

func (e *endless) Read(into []byte) (int, error) {
	e.given += len(into)
	return len(into), nil
}
