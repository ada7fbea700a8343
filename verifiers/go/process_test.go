package countersign

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The sample server as a process, over one connection that is kept alive.
func TestSampleServer(t *testing.T) {
	secretFile := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secretFile, []byte(testSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(build(t, ".", "./cmd/sample-server"),
		"--port", "0", "--key", testKey, "--secret-file", secretFile)
	output, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, server)
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	client := connect(t, strings.Fields(line)[2])

	for _, method := range []string{"GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "M-SEARCH", "get"} {
		for _, target := range []string{"/", "//a//b", "/a%2Fb/%E9?x=+%20&&=y&x&%zz", "/raw/./..?q={}|"} {
			status, answer := client.exchange(method, target, "", "\r\n", "")
			if status != 200 || answer["target"] != target || answer["method"] != method || answer["key"] != testKey {
				t.Errorf("%s %s: %d %v", method, target, status, answer)
			}
		}
	}
	if status, _ := client.exchange("HEAD", "/", "", "\r\n", ""); status != 200 {
		t.Error("HEAD:", status)
	}

	large := strings.Repeat("\x00\xff\r\n", 1<<18)
	length := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(large))
	for name, sent := range map[string][2]string{
		"with a length":   {length, large},
		"in chunks":       {"Transfer-Encoding: chunked\r\n\r\n", "100000\r\n" + large + "\r\n0\r\n\r\n"},
		"when asked for":  {"Expect: 100-continue\r\n" + length, large},
		"headers as well": {"X-A: 1\r\nx-a: \xe9\r\n" + length, large},
	} {
		status, answer := client.exchange("POST", "/", large, sent[0], sent[1])
		if status != 200 || answer["body_bytes"] != 1048576.0 || answer["body_sha256"] != hexSHA256([]byte(large)) {
			t.Error(name, status, answer)
		}
		if name == "headers as well" && !strings.Contains(fmt.Sprint(answer["headers"]), "[X-A 1] [X-A é]") {
			t.Error(answer["headers"])
		}
	}
	status, answer := client.exchange("POST", "/", "abc", "Content-Length: 3\r\n\r\n", "abd")
	if status != 401 || answer["verified"] != false || answer["reason"] != "SIGNATURE_MISMATCH" {
		t.Error(status, answer)
	}
}

// The program of the README, as it stands there.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	program := regexp.MustCompile("(?s)```go\n(package main.*?)```").FindSubmatch(readme)
	if program == nil {
		t.Fatal("the README has no program")
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "main.go"), program[1], 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, folder, "go", "mod", "init", "hello")
	run(t, folder, "go", "mod", "edit", "-require=example.com/countersign@v0.0.0",
		"-replace=example.com/countersign="+here)
	port := freePort(t)
	server := exec.Command(build(t, folder, "."))
	server.Env = append(os.Environ(), "PORT="+port)
	start(t, server)

	client := connect(t, "127.0.0.1:"+port)
	if status, _ := client.exchange("GET", "/a?b", "", "\r\n", ""); status != 200 || client.text != "hello, signature_key1\n" {
		t.Error(status, client.text)
	}
	status, answer := client.exchange("POST", "/", "abc", "Content-Length: 3\r\n\r\n", "abd")
	if status != 401 || answer["reason"] != "SIGNATURE_MISMATCH" {
		t.Error(status, client.text)
	}
}

type client struct {
	t          *testing.T
	host, text string
	connection net.Conn
	reader     *bufio.Reader
}

// connect waits until the server is there.
func connect(t *testing.T, host string) *client {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		connection, err := net.Dial("tcp", host)
		if err == nil {
			t.Cleanup(func() { connection.Close() })
			return &client{t: t, host: host, connection: connection, reader: bufio.NewReader(connection)}
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// exchange signs a request and sends it as it is written here, with rest after its headers.
func (c *client) exchange(method, target, body, head, rest string) (int, map[string]interface{}) {
	c.t.Helper()
	text := method + " " + target + " HTTP/1.1\r\n"
	for name, values := range signedHeaders(method, target, body, c.host, time.Now().UTC().Format("20060102T150405Z")) {
		text += name + ": " + values[0] + "\r\n"
	}
	_, err := io.WriteString(c.connection, text+head)
	if err == nil && strings.Contains(head, "Expect:") {
		var line string
		if line, err = c.reader.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 100 ") {
			c.t.Errorf("%q instead of 100 Continue, %v", line, err)
		}
		_, err = c.reader.ReadString('\n')
	}
	if err == nil {
		_, err = io.WriteString(c.connection, rest)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	c.text = string(answer)
	var fields map[string]interface{}
	_ = json.NewDecoder(bytes.NewReader(answer)).Decode(&fields)
	return response.StatusCode, fields
}

func build(t *testing.T, folder, program string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "server")
	run(t, folder, "go", "build", "-o", binary, program)
	return binary
}

func run(t *testing.T, folder, name string, arguments ...string) {
	t.Helper()
	command := exec.Command(name, arguments...)
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
}

func start(t *testing.T, server *exec.Cmd) {
	t.Helper()
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}
