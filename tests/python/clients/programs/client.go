// net/http of Go, which speaks HTTP/2 over TLS.
//
//	go run client.go CA COUNT URL…
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

func main() {
	authority, err := os.ReadFile(os.Args[1])
	check(err)
	count, err := strconv.Atoi(os.Args[2])
	check(err)
	known := x509.NewCertPool()
	known.AppendCertsFromPEM(authority)
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: known},
		ForceAttemptHTTP2: true,
	}}
	for _, url := range os.Args[3:] {
		for number := 0; number < count; number++ {
			ask(&client, url, number)
		}
	}
}

func ask(client *http.Client, url string, number int) {
	method, body := "GET", ""
	if number%2 == 1 {
		method, body = "POST", "from Go"
	}
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	check(err)
	answer, err := client.Do(request)
	check(err)
	_, err = io.Copy(io.Discard, answer.Body)
	check(err)
	answer.Body.Close()
	fmt.Printf("%d %s\n", answer.StatusCode, answer.Proto)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
