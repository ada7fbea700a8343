package countersign

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

type contextKey struct{}

// FromContext says who signed the request that a handler behind [Verifier.Middleware] is given.
func FromContext(ctx context.Context) (*Verified, bool) {
	verified, ok := ctx.Value(contextKey{}).(*Verified)
	return verified, ok
}

// Middleware lets only verified requests through to next, their bodies still readable. Others are
// answered by [WriteError], or the handler of [WithErrorHandler]. It belongs before whatever
// reads the body; what changes r.URL, as [http.StripPrefix] does, may come before it.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verified, err := v.VerifyHTTP(r)
		if err != nil {
			v.errorHandler(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, verified)))
	})
}

// VerifyHTTP is [Verifier.Verify] for a request that a server of net/http received. Where the
// body had to be read, r.Body is replaced by one that can be read again.
func (v *Verifier) VerifyHTTP(r *http.Request) (*Verified, error) {
	request := &Request{Method: r.Method, Target: receivedTarget(r), Header: receivedHeader(r)}
	body := &receivedBody{r: r, bytesMax: v.bodyBytesMax}
	if r.Body != nil {
		request.Body = body
	}
	verified, err := v.Verify(r.Context(), request)
	if err != nil {
		return nil, err
	}
	if r.Body != nil && request.Body != io.Reader(body) {
		r.Body = readAgain{request.Body, r.Body}
	}
	return verified, nil
}

// WriteError answers a request that was not verified: to a [*Refused] with its status and the
// reason as JSON, to anything else with 500 and no details.
func WriteError(w http.ResponseWriter, _ *http.Request, err error) {
	var refused *Refused
	if !errors.As(err, &refused) {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	// Text and a bool cannot fail to be written as JSON.
	answer, _ := json.MarshalIndent(struct {
		Verified bool   `json:"verified"`
		Reason   Reason `json:"reason"`
		Message  string `json:"message"`
	}{false, refused.Reason, refused.Message}, "", "  ")
	answer = append(answer, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(refused.Status())
	_, _ = w.Write(answer)
}

func receivedTarget(r *http.Request) string {
	if r.RequestURI == "" {
		// CGI and some adapters tell only the URL; no target at all would pass for "/".
		return r.URL.RequestURI()
	}
	return r.RequestURI
}

// receivedHeader puts back what net/http takes out of the headers.
func receivedHeader(r *http.Request) http.Header {
	header := make(http.Header, len(r.Header)+2)
	for name, values := range r.Header {
		header[name] = values
	}
	if r.Host != "" {
		header["Host"] = append([]string{r.Host}, header["Host"]...)
	}
	if len(r.TransferEncoding) > 0 {
		header["Transfer-Encoding"] = r.TransferEncoding
	}
	return header
}
