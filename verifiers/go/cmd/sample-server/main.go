// The sample-server is a backend that verifies every request, and answers with what it saw or with
// the reason why not.
//
//	go run ./cmd/sample-server --port 9000 --key signature_key1 --secret-file secret
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"

	"example.com/countersign"
)

const (
	bodyBytesMax   = 64 << 20 // of bodies that the signature does not cover
	headerTimeMax  = 30 * time.Second
	headerBytesMax = 128 << 10
)

func main() {
	log.SetFlags(0)
	port := flag.Int("port", 9000, "0 for any that is free")
	key := flag.String("key", "", "the key that is accepted, HMAC or Basic")
	secretFile := flag.String("secret-file", "", "one line end after the secret is dropped")
	allowUnsigned := flag.Bool("allow-unsigned-payload", false, "accept requests whose body is not signed")
	flag.Parse()
	if *key == "" || *secretFile == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	secret, err := readSecret(*secretFile)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	server := &http.Server{
		Handler:           handler(*key, secret, *allowUnsigned),
		ReadHeaderTimeout: headerTimeMax,
		MaxHeaderBytes:    headerBytesMax,
	}
	log.Fatal(server.Serve(listener))
}

func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := string(text)
	if strings.HasSuffix(secret, "\n") {
		secret = strings.TrimSuffix(secret[:len(secret)-1], "\r")
	}
	return secret, nil
}

func handler(key, secret string, allowUnsigned bool) http.Handler {
	lookup := func(_ context.Context, _ countersign.Scheme, wanted string) ([]string, error) {
		if wanted != key {
			return nil, nil
		}
		return []string{secret}, nil
	}
	var options []countersign.Option
	if allowUnsigned {
		options = append(options, countersign.WithUnsignedPayloadAllowed())
	}
	return countersign.New(lookup, options...).Middleware(http.HandlerFunc(answer))
}

func answer(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	bodyBytes, err := io.Copy(hash, http.MaxBytesReader(w, r.Body, bodyBytesMax))
	if err != nil {
		http.Error(w, "the body did not arrive whole", http.StatusBadRequest)
		return
	}
	verified, _ := countersign.FromContext(r.Context())
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(map[string]interface{}{
		"verified":       true,
		"key":            verified.Key,
		"scheme":         verified.Scheme,
		"payload_signed": verified.PayloadSigned,
		"method":         r.Method,
		"target":         chars(r.RequestURI),
		"headers":        headers(r),
		"body_bytes":     bodyBytes,
		"body_sha256":    hex.EncodeToString(hash.Sum(nil)),
	})
}

// headers are pairs in the order of their names, for that in which they came is not known.
func headers(r *http.Request) [][2]string {
	pairs := [][2]string{{"Host", r.Host}}
	for name, values := range r.Header {
		for _, value := range values {
			pairs = append(pairs, [2]string{name, chars(shown(value))})
		}
	}
	sort.SliceStable(pairs, func(i, j int) bool { return pairs[i][0] < pairs[j][0] })
	return pairs
}

// shown is a header's value; a Basic one without its credentials.
func shown(value string) string {
	if strings.HasPrefix(strings.ToLower(value), "basic ") {
		return "Basic (redacted)"
	}
	return value
}

// chars makes each byte one character, for JSON has no bytes.
func chars(text string) string {
	out := make([]rune, len(text))
	for i := range out {
		out[i] = rune(text[i])
	}
	return string(out)
}
