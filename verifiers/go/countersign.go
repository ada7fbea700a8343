// Package countersign verifies that a request came through the gateway, and says why when it did
// not.
//
//	verifier := countersign.New(secrets)
//	http.ListenAndServe(":9000", verifier.Middleware(handler))
//
// [Verifier.Middleware] lets only verified requests through; [FromContext] says who signed them.
// [Verifier.VerifyHTTP] does the same for one [http.Request], and [Verifier.Verify] for a [Request]
// of any other server.
package countersign

import (
	"context"
	"net/http"
	"time"
)

// Scheme is a way to sign. A key is good for one of them.
type Scheme string

const (
	HMAC  Scheme = "SDK-HMAC-SHA256"
	Basic Scheme = "Basic"
)

// A Lookup gives the secrets of a key: several while one replaces another, none where the key is
// unknown or is not one of that scheme. An empty secret, from a variable that is not set, counts
// as none. An error is passed on by the verifier as it is.
type Lookup func(ctx context.Context, scheme Scheme, key string) ([]string, error)

// A ReplayGuard says whether a signature is new, and remembers it. It may forget it after
// expiresAt, when the clock refuses the signature anyway. It is asked last, only about requests
// that are right otherwise, and needs a store that all instances of a backend share. An error is
// passed on by the verifier as it is.
type ReplayGuard func(ctx context.Context, key, signature string, expiresAt time.Time) (bool, error)

// Verified says who signed a request.
type Verified struct {
	Key    string
	Scheme Scheme
	// PayloadSigned says whether the signature covers the body; never with Basic.
	PayloadSigned bool
}

// Verifier says who signed a request. It may be used by many goroutines at once.
type Verifier struct {
	lookup                 Lookup
	signatureHeader        string
	clockSkewMax           time.Duration
	requiredHeaders        []string
	unsignedPayloadAllowed bool
	bodyBytesMax           int64
	replayGuard            ReplayGuard
	clock                  func() time.Time
	errorHandler           func(http.ResponseWriter, *http.Request, error)
}

// New makes a verifier of the keys that lookup knows.
func New(lookup Lookup, options ...Option) *Verifier {
	verifier := &Verifier{
		lookup:          lookup,
		signatureHeader: "authorization",
		clockSkewMax:    15 * time.Minute,
		bodyBytesMax:    12 << 20,
		clock:           time.Now,
		errorHandler:    WriteError,
	}
	for _, option := range options {
		option(verifier)
	}
	return verifier
}

// Option changes what a [Verifier] insists on.
type Option func(*Verifier)

// WithSignatureHeader names the header that carries the signature, by default Authorization.
func WithSignatureHeader(name string) Option {
	return func(v *Verifier) { v.signatureHeader = lower(name) }
}

// WithClockSkewMax says how far X-Sdk-Date may lie from the clock, either way, in whole seconds;
// exactly that far is accepted. By default 15 minutes.
func WithClockSkewMax(skew time.Duration) Option {
	return func(v *Verifier) { v.clockSkewMax = skew }
}

// WithRequiredHeaders names headers that must be signed besides Host and X-Sdk-Date, which always
// must.
func WithRequiredHeaders(names ...string) Option {
	return func(v *Verifier) {
		for _, name := range names {
			v.requiredHeaders = append(v.requiredHeaders, lower(name))
		}
	}
}

// WithUnsignedPayloadAllowed accepts requests whose signature does not cover the body: those with
// X-Sdk-Content-Sha256: UNSIGNED-PAYLOAD. Their bodies stream to the handler, unlimited.
func WithUnsignedPayloadAllowed() Option {
	return func(v *Verifier) { v.unsignedPayloadAllowed = true }
}

// WithBodyBytesMax says how large a body may be that is read into memory to be hashed. By default
// 12 MiB.
func WithBodyBytesMax(bytes int64) Option {
	return func(v *Verifier) { v.bodyBytesMax = bytes }
}

// WithReplayGuard makes a signature good once. Two equal requests in one second have equal
// signatures, for the date has whole seconds: a guard belongs before requests that must not
// happen twice.
func WithReplayGuard(guard ReplayGuard) Option {
	return func(v *Verifier) { v.replayGuard = guard }
}

// WithClock replaces [time.Now], for tests.
func WithClock(now func() time.Time) Option {
	return func(v *Verifier) { v.clock = now }
}

// WithErrorHandler replaces [WriteError] as what the middleware answers with: to a [*Refused], or
// to an error of a lookup, a guard or a body.
func WithErrorHandler(handler func(http.ResponseWriter, *http.Request, error)) Option {
	return func(v *Verifier) { v.errorHandler = handler }
}
