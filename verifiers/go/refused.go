package countersign

import "net/http"

// Reason is why a request is refused; scripts may rely on the text.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	MissingAuthorization   Reason = "MISSING_AUTHORIZATION"
	MalformedAuthorization Reason = "MALFORMED_AUTHORIZATION"
	UnknownKey             Reason = "UNKNOWN_KEY"
	SignedHeaderMissing    Reason = "SIGNED_HEADER_MISSING"
	SignedHeaderRepeated   Reason = "SIGNED_HEADER_REPEATED"
	DateMissingOrUnsigned  Reason = "DATE_MISSING_OR_UNSIGNED"
	DateMalformed          Reason = "DATE_MALFORMED"
	ClockSkew              Reason = "CLOCK_SKEW"
	UnsignedPayload        Reason = "UNSIGNED_PAYLOAD"
	BodyTooLarge           Reason = "BODY_TOO_LARGE"
	SignatureMismatch      Reason = "SIGNATURE_MISMATCH"
	BodyMismatch           Reason = "BODY_MISMATCH"
	Replayed               Reason = "REPLAYED"
)

// Refused is the error of a request that is not to be trusted, for exactly one reason. It never
// carries a secret, nor the signature that would have been right.
type Refused struct {
	Reason Reason
	// Message tells people what to look at.
	Message string
}

func (r *Refused) Error() string {
	return string(r.Reason) + ": " + r.Message
}

// Status is the HTTP status to answer with.
func (r *Refused) Status() int {
	if r.Reason == BodyTooLarge {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusUnauthorized
}

func refused(reason Reason, message string) error {
	return &Refused{Reason: reason, Message: message}
}
