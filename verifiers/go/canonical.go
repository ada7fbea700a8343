package countersign

import (
	"crypto/sha256"
	"encoding/hex"
	"sort"
	"strings"
)

const algorithm = "SDK-HMAC-SHA256"

// What counts as white space; strings.TrimSpace would take vertical tabs and NBSP too.
const whiteSpace = " \t\n\f\r"

type signedHeader struct{ name, value string }

// canonicalRequest is the one form in which signer and verifier read a request. The headers are
// the signed ones, names in lower case and ascending; payload is the body's SHA-256 in hex, or the
// value of x-sdk-content-sha256 where that is sent.
func canonicalRequest(method, target string, headers []signedHeader, payload string) string {
	path, query, _ := strings.Cut(target, "?")
	names := make([]string, len(headers))
	var lines strings.Builder
	for i, header := range headers {
		names[i] = header.name
		lines.WriteString(header.name + ":" + strings.Trim(header.value, whiteSpace) + "\n")
	}
	return strings.Join([]string{
		upper(method),
		canonicalPath(path),
		canonicalQuery(query),
		lines.String(),
		strings.Join(names, ";"),
		payload,
	}, "\n")
}

// stringToSign is what the HMAC is made of.
func stringToSign(date, canonical string) string {
	return algorithm + "\n" + date + "\n" + hexSHA256([]byte(canonical))
}

func hexSHA256(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

func canonicalPath(path string) string {
	escaped := escape(unescape(path), "/")
	if !strings.HasSuffix(escaped, "/") {
		escaped += "/"
	}
	return escaped
}

func canonicalQuery(query string) string {
	type parameter struct{ name, value string }
	var parameters []parameter
	for _, part := range strings.Split(query, "&") {
		if name, value, _ := strings.Cut(part, "="); name != "" {
			parameters = append(parameters, parameter{unescape(name), unescape(value)})
		}
	}
	sort.Slice(parameters, func(i, j int) bool {
		a, b := parameters[i], parameters[j]
		return a.name < b.name || a.name == b.name && a.value < b.value
	})
	written := make([]string, len(parameters))
	for i, parameter := range parameters {
		written[i] = escape(parameter.name, "") + "=" + escape(parameter.value, "")
	}
	return strings.Join(written, "&")
}

// unescape is kinder than net/url: a percent sign that begins no escape is a percent sign.
func unescape(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var out strings.Builder
	out.Grow(len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if pair, err := hex.DecodeString(text[i+1 : i+3]); err == nil {
				out.WriteByte(pair[0])
				i += 2
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// escape is stricter than net/url: all but unreserved characters and those of also is escaped.
func escape(text, also string) string {
	const digits = "0123456789ABCDEF"
	var out strings.Builder
	out.Grow(len(text))
	for i := 0; i < len(text); i++ {
		char := text[i]
		if isAlphanumeric(char) || strings.IndexByte("-_.~", char) >= 0 || strings.IndexByte(also, char) >= 0 {
			out.WriteByte(char)
		} else {
			out.Write([]byte{'%', digits[char>>4], digits[char&15]})
		}
	}
	return out.String()
}

func isAlphanumeric(char byte) bool {
	return '0' <= char && char <= '9' || 'A' <= char && char <= 'Z' || 'a' <= char && char <= 'z'
}

// lower knows ASCII alone: strings.ToLower would make the Kelvin sign a k, and so one header
// another.
func lower(text string) string {
	return toggle(text, 'A', 'Z')
}

func upper(text string) string {
	return toggle(text, 'a', 'z')
}

// toggle changes the case of the letters in a range, and no other byte.
func toggle(text string, first, last byte) string {
	bytes := []byte(text)
	for i, char := range bytes {
		if first <= char && char <= last {
			bytes[i] = char ^ ('a' - 'A')
		}
	}
	return string(bytes)
}
