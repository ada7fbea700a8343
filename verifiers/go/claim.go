package countersign

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"
)

// claim is what a signature header says; whether that is true is decided elsewhere.
type claim struct {
	scheme Scheme
	key    string
	// With HMAC: the names in lower case, ascending, none twice; the signature as sent in hex.
	signedHeaders []string
	signature     string
	// With Basic.
	password string
}

// parseClaim reads a signature header in one of its two forms; anything else is none.
func parseClaim(value string) (claim, bool) {
	value = strings.Trim(value, whiteSpace)
	end := strings.IndexAny(value, " \t")
	if end < 0 || !utf8.ValidString(value) {
		return claim{}, false
	}
	scheme, rest := value[:end], strings.TrimLeft(value[end:], whiteSpace)
	switch {
	case scheme == algorithm:
		return parseHMAC(rest)
	case lower(scheme) == "basic":
		return parseBasic(rest)
	}
	return claim{}, false
}

func parseHMAC(text string) (claim, bool) {
	access, rest, _ := strings.Cut(text, ",")
	names, rest, _ := strings.Cut(strings.TrimPrefix(rest, " "), ",")
	key, hasKey := cutPrefix(access, "Access=")
	names, hasNames := cutPrefix(names, "SignedHeaders=")
	signature, hasSignature := cutPrefix(strings.TrimPrefix(rest, " "), "Signature=")
	if !hasKey || !hasNames || !hasSignature || key == "" {
		return claim{}, false
	}
	if raw, err := hex.DecodeString(signature); err != nil || len(raw) != 32 || signature != lower(signature) {
		return claim{}, false
	}
	signedHeaders := strings.Split(names, ";")
	for i, name := range signedHeaders {
		if !isLowerCaseName(name) || i > 0 && signedHeaders[i-1] >= name {
			return claim{}, false
		}
	}
	return claim{scheme: HMAC, key: key, signedHeaders: signedHeaders, signature: signature}, true
}

func parseBasic(text string) (claim, bool) {
	credentials, err := base64.StdEncoding.Strict().DecodeString(text)
	// Even the strict decoder skips line ends.
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return claim{}, false
	}
	key, password, hasColon := strings.Cut(string(credentials), ":")
	if !hasColon || !utf8.ValidString(key) {
		return claim{}, false
	}
	return claim{scheme: Basic, key: key, password: password}, true
}

// isLowerCaseName says whether name is a header name by RFC 9110 without upper-case letters.
func isLowerCaseName(name string) bool {
	for i := 0; i < len(name); i++ {
		char := name[i]
		isUpper := 'A' <= char && char <= 'Z'
		if isUpper || !isAlphanumeric(char) && strings.IndexByte("!#$%&'*+-.^_`|~", char) < 0 {
			return false
		}
	}
	return name != ""
}

// parseDate reads YYYYMMDDTHHMMSSZ, where there is such a moment.
func parseDate(text string) (time.Time, bool) {
	const layout = "20060102T150405Z"
	// The length refuses fractions of a second, which time.Parse reads without being asked to.
	moment, err := time.Parse(layout, text)
	return moment, err == nil && len(text) == len(layout)
}

func cutPrefix(text, prefix string) (string, bool) {
	return strings.TrimPrefix(text, prefix), strings.HasPrefix(text, prefix)
}
