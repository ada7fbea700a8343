package countersign

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	dateHeader      = "x-sdk-date"
	contentHeader   = "x-sdk-content-sha256"
	unsignedPayload = "UNSIGNED-PAYLOAD"
)

// Request is a request as it arrived at a server other than that of net/http.
type Request struct {
	Method string
	// Target is path and query as received, nothing decoded, without scheme and authority.
	Target string
	// Header has all headers, names in any case, Host among them (over HTTP/2 from :authority).
	Header http.Header
	// Body may be nil where there is none. It is read only where its bytes are signed and all else
	// is right, and then replaced, so that it can be read as if nobody had.
	Body io.Reader
}

// Verify says who signed the request, or why nobody is to be believed: the error is a [*Refused],
// or what the lookup, the replay guard or the body failed with.
func (v *Verifier) Verify(ctx context.Context, request *Request) (*Verified, error) {
	headers := make(map[string][]string, len(request.Header))
	for name, values := range request.Header {
		name = lower(name)
		headers[name] = append(headers[name], values...)
	}
	claim, err := v.readClaim(headers[v.signatureHeader])
	if err != nil {
		return nil, err
	}
	secrets, err := v.secrets(ctx, claim)
	if err != nil {
		return nil, err
	}
	if claim.scheme == Basic {
		password := []byte(claim.password)
		if !matches(secrets, password, func(secret []byte) []byte { return secret }) {
			return nil, mismatch("the secret differs")
		}
		return &Verified{Key: claim.key, Scheme: Basic}, nil
	}
	return v.verifyHMAC(ctx, request, headers, claim, secrets)
}

func (v *Verifier) verifyHMAC(
	ctx context.Context, request *Request, headers map[string][]string, claim claim, secrets [][]byte,
) (*Verified, error) {
	signed, err := v.readSignedHeaders(headers, claim)
	if err != nil {
		return nil, err
	}
	date, expiresAt, err := v.checkDate(signed)
	if err != nil {
		return nil, err
	}
	payload, isSent, err := v.readPayload(headers)
	if err != nil {
		return nil, err
	}
	payloadSigned := payload != unsignedPayload
	var bodyHash string
	if payloadSigned {
		body, err := v.readBody(request)
		if err != nil {
			return nil, err
		}
		bodyHash = hexSHA256(body)
		if !isSent {
			payload = bodyHash
		}
	}

	text := stringToSign(date, canonicalRequest(request.Method, request.Target, signed, payload))
	sign := func(secret []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return []byte(hex.EncodeToString(mac.Sum(nil)))
	}
	if !matches(secrets, []byte(claim.signature), sign) {
		return nil, mismatch("the secret differs, or the method, path, query, a signed header or the body " +
			"was changed on the way")
	}
	if payloadSigned && lower(payload) != bodyHash {
		return nil, refused(BodyMismatch, "the body is not the one whose hash `"+contentHeader+"` carries")
	}
	if v.replayGuard != nil {
		isNew, err := v.replayGuard(ctx, claim.key, claim.signature, expiresAt)
		if err != nil {
			return nil, err
		}
		if !isNew {
			return nil, refused(Replayed, "the signature was used before")
		}
	}
	return &Verified{Key: claim.key, Scheme: HMAC, PayloadSigned: payloadSigned}, nil
}

func (v *Verifier) readClaim(values []string) (claim, error) {
	if len(values) == 0 {
		return claim{}, refused(MissingAuthorization, "the request has no "+v.signatureHeader+
			" header; only requests through the gateway are accepted")
	}
	if len(values) == 1 {
		if claim, ok := parseClaim(values[0]); ok {
			return claim, nil
		}
	}
	return claim{}, refused(MalformedAuthorization, "the "+v.signatureHeader+" header is sent twice, or is "+
		"neither `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…` nor `Basic …`")
}

func (v *Verifier) secrets(ctx context.Context, claim claim) ([][]byte, error) {
	found, err := v.lookup(ctx, claim.scheme, claim.key)
	if err != nil {
		return nil, err
	}
	var secrets [][]byte
	for _, secret := range found {
		// An empty secret would let everybody in.
		if secret != "" {
			secrets = append(secrets, []byte(secret))
		}
	}
	if len(secrets) == 0 {
		return nil, refused(UnknownKey, "the verifier knows no secret for the key that the request names")
	}
	return secrets, nil
}

func (v *Verifier) readSignedHeaders(headers map[string][]string, claim claim) ([]signedHeader, error) {
	signed := make([]signedHeader, 0, len(claim.signedHeaders))
	isSigned := make(map[string]bool, len(claim.signedHeaders))
	for _, name := range claim.signedHeaders {
		isSigned[name] = true
		switch values := headers[name]; {
		case len(values) > 1:
			return nil, repeated(name)
		case len(values) == 1:
			signed = append(signed, signedHeader{name, values[0]})
		case name != dateHeader: // whose absence has a reason of its own
			return nil, refused(SignedHeaderMissing, "the header `"+name+"` is among the signed headers, but "+
				"the request does not carry it")
		}
	}
	for _, name := range append([]string{"host"}, v.requiredHeaders...) {
		// The date comes next, with its own reason.
		if !isSigned[name] {
			return nil, refused(SignedHeaderMissing, "the header `"+name+"` must be signed, but the signed "+
				"headers do not name it")
		}
	}
	return signed, nil
}

// checkDate gives the date as it is signed, and when the signature ends.
func (v *Verifier) checkDate(signed []signedHeader) (string, time.Time, error) {
	for _, header := range signed {
		if header.name != dateHeader {
			continue
		}
		date := strings.Trim(header.value, whiteSpace)
		moment, ok := parseDate(date)
		if !ok {
			return "", moment, refused(DateMalformed,
				"the `"+dateHeader+"` is no moment in the form YYYYMMDDTHHMMSSZ")
		}
		// Seconds, for a time.Duration would not hold the distance to all that can be written.
		ahead := moment.Unix() - v.clock().Unix()
		max := int64(v.clockSkewMax / time.Second)
		if ahead > max || -ahead > max {
			distance := fmt.Sprintf("%d s ahead of this clock", ahead)
			if ahead < 0 {
				distance = fmt.Sprintf("%d s ago", -ahead)
			}
			return "", moment, refused(ClockSkew, fmt.Sprintf(
				"the request was signed %s, more than the %d s allowed; compare the clocks", distance, max))
		}
		return date, time.Unix(moment.Unix()+max, 0), nil
	}
	return "", time.Time{}, refused(DateMissingOrUnsigned,
		"the request carries no `"+dateHeader+"`, or does not sign it")
}

// readPayload gives what is sent as the body's hash, and whether anything is.
func (v *Verifier) readPayload(headers map[string][]string) (string, bool, error) {
	values := headers[contentHeader]
	if len(values) > 1 {
		return "", false, repeated(contentHeader)
	}
	if len(values) == 0 {
		return "", false, nil
	}
	payload := strings.Trim(values[0], whiteSpace)
	if payload == unsignedPayload && !v.unsignedPayloadAllowed {
		return "", false, refused(UnsignedPayload,
			"the signature does not cover the body, and this verifier asks that it does")
	}
	return payload, true, nil
}

// matches says whether any secret makes what was sent. It goes through all of them, and compares
// in constant time.
func matches(secrets [][]byte, sent []byte, sign func(secret []byte) []byte) bool {
	found := false
	for _, secret := range secrets {
		if hmac.Equal(sign(secret), sent) {
			found = true
		}
	}
	return found
}

func repeated(name string) error {
	return refused(SignedHeaderRepeated, "the header `"+name+"` is sent twice, so it cannot be told which one "+
		"was signed")
}

func mismatch(why string) error {
	return refused(SignatureMismatch, "the signature does not fit the request: "+why)
}
