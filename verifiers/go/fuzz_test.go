package countersign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// FuzzVerify changes the accepted cases at random. Whatever comes out of that is refused and
// nothing else, or is accepted and means what one of the cases meant.
func FuzzVerify(f *testing.F) {
	file := readCases(f)
	accepted := map[string]bool{}
	for i, test := range file.Cases {
		if test.Expected.Refused == "" {
			target, header := latin1(test.Target), joinHeader(test.header())
			f.Add(i, test.Method, target, header, test.Body)
			accepted[meaning(test.Method, target, test.header(), test.Body, test)] = true
		}
	}
	f.Fuzz(func(t *testing.T, i int, method, target, header string, body []byte) {
		test := file.Cases[(i%len(file.Cases)+len(file.Cases))%len(file.Cases)]
		request := &Request{method, target, splitHeader(header), bytes.NewReader(body)}
		verified, err := test.verifier(&file).Verify(context.Background(), request)
		var refused *Refused
		switch {
		case errors.As(err, &refused):
			if verified != nil {
				t.Error("both refused and verified")
			}
		case err != nil:
			t.Error(err)
		case !accepted[meaning(method, target, splitHeader(header), body, test)]:
			t.Errorf("accepted: %q %q %q %q", method, target, header, body)
		}
	})
}

// meaning is all that a signature covers, read without the code that is tested. With Basic that
// is the credentials alone.
func meaning(method, target string, header http.Header, body []byte, test testCase) string {
	signatureHeader := "authorization"
	if name := test.Options.SignatureHeader; name != "" {
		signatureHeader = strings.ToLower(name)
	}
	values := map[string]string{}
	for name, all := range header {
		values[strings.ToLower(name)] += strings.Join(all, "\x00twice\x00")
	}
	claim := strings.Fields(values[signatureHeader])
	if strings.EqualFold(claim[0], "basic") {
		return claim[1]
	}
	_, key, _ := strings.Cut(values[signatureHeader], "Access=")
	key, _, _ = strings.Cut(key, ",")
	parts := []string{key, strings.ToUpper(method)}
	path, query, _ := strings.Cut(target, "?")
	parts = append(parts, strings.TrimSuffix(plain(path), "/"))
	var parameters []string
	for _, parameter := range strings.Split(query, "&") {
		if name, value, _ := strings.Cut(parameter, "="); name != "" {
			parameters = append(parameters, fmt.Sprintf("%q=%q", plain(name), plain(value)))
		}
	}
	sort.Strings(parameters)
	parts = append(parts, parameters...)
	_, names, _ := strings.Cut(values[signatureHeader], "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	for _, name := range strings.Split(names, ";") {
		parts = append(parts, name, strings.Trim(values[name], whiteSpace))
	}
	if strings.Trim(values[contentHeader], whiteSpace) != unsignedPayload {
		parts = append(parts, string(body))
	}
	return fmt.Sprintf("%q", parts)
}

// plain is the text without escapes.
func plain(text string) string {
	for from := 0; ; {
		at := strings.IndexByte(text[from:], '%')
		if at < 0 {
			return text
		}
		at += from
		from = at + 1
		if at+3 <= len(text) {
			if char, err := strconv.ParseUint("0x"+text[at+1:at+3], 0, 8); err == nil && text[at+1] != '_' {
				text = text[:at] + string([]byte{byte(char)}) + text[at+3:]
			}
		}
	}
}

// joinHeader makes text that a fuzzer can change and splitHeader reads again.
func joinHeader(header http.Header) string {
	var pairs []string
	for name, values := range header {
		for _, value := range values {
			pairs = append(pairs, name+"\x00"+value)
		}
	}
	sort.Strings(pairs)
	return strings.Join(pairs, "\x01")
}

func splitHeader(text string) http.Header {
	header := http.Header{}
	for _, pair := range strings.Split(text, "\x01") {
		name, value, _ := strings.Cut(pair, "\x00")
		header[name] = append(header[name], value)
	}
	return header
}
