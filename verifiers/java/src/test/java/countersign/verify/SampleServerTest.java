package countersign.verify;

import java.nio.charset.StandardCharsets;

/** A sample server that listens on the port given: the odd requests, and the tampered ones. */
public final class SampleServerTest {
    private static final byte[] NONE = {};

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        String host = "127.0.0.1:" + port;
        for (String method : new String[] {"GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "M-SEARCH"}) {
            for (String target : new String[] {"/", "//a//b", "/a%2Fb%zz?x=+%20&&=y&x", "/raw?q={}|", "/\u00c3\u00a9/../.%2e"}) {
                String shown = target.replace("\u00c3\u00a9", "\\u00c3\\u00a9");
                String answer = Wire.send(port, method, target, NONE, "");
                Wire.check(method + " " + target, answer, "200 {\"verified\": true");
                Wire.check(method + " " + target, answer, "\"target\": \"" + shown + "\"");
            }
        }
        Wire.check("HEAD", Wire.send(port, "HEAD", "/", NONE, "") + ".", "200 .");

        byte[] large = new byte[1024 * 1024];
        for (int at = 0; at < large.length; at++) {
            large[at] = (byte) at;
        }
        Wire.check("1 MiB", Wire.send(port, "POST", "/", large, ""), "\"body_bytes\": 1048576");
        String go = Wire.send(port, "POST", "/", large, "Expect: 100-continue\r\n");
        Wire.check("a body that is waited for", go, "100 HTTP/1.1 200 OK");
        byte[] body = "abcde".getBytes(StandardCharsets.US_ASCII);
        byte[] chunks = "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
        String start = "POST / HTTP/1.1\r\n" + Wire.signed("POST", "/", body, host);
        String chunked = start + "Transfer-Encoding: chunked\r\n";
        String close = "Connection: close\r\n\r\n";
        Wire.check("chunks", Wire.raw(port, chunked + close, chunks), "\"body_bytes\": 5");
        String kept = chunked + "\r\n" + new String(chunks, StandardCharsets.US_ASCII) + start + "Content-Length: 5\r\n" + close;
        String both = Wire.raw(port, kept, body);
        Wire.check("a connection used twice", both, "\"body_bytes\": 5");
        Wire.check("a connection used twice", both.substring(10), "HTTP/1.1 200 OK");

        String head = " HTTP/1.1\r\nConnection: close\r\n";
        String signed = Wire.signed("GET", "/a?b=c", NONE, host);
        Wire.check("nothing changed", Wire.raw(port, "GET /a?b=c" + head + signed + "\r\n", NONE), "200 ");
        Wire.check("another path", Wire.raw(port, "GET /x?b=c" + head + signed + "\r\n", NONE), "401 {\"verified\": false, \"reason\": \"SIGNATURE_MISMATCH\"");
        Wire.check("another query", Wire.raw(port, "GET /a?b=x" + head + signed + "\r\n", NONE), "SIGNATURE_MISMATCH");
        Wire.check("another method", Wire.raw(port, "PUT /a?b=c" + head + signed + "\r\n", NONE), "SIGNATURE_MISMATCH");
        Wire.check("a body put in", Wire.raw(port, "GET /a?b=c" + head + signed + "Content-Length: 5\r\n\r\n", body), "SIGNATURE_MISMATCH");
        Wire.check("a header twice", Wire.raw(port, "GET /a?b=c" + head + signed + "X-Sdk-Date: x\r\n\r\n", NONE), "SIGNED_HEADER_REPEATED");
        Wire.check("no signature", Wire.raw(port, "GET /" + head + "Host: " + host + "\r\n\r\n", NONE), "MISSING_AUTHORIZATION");
        String unsigned = Wire.signed("GET", "/", "UNSIGNED-PAYLOAD", host, "");
        Wire.check("an unsigned body", Wire.raw(port, "GET /" + head + unsigned + "\r\n", NONE), "UNSIGNED_PAYLOAD");
        byte[] over = new byte[12 * 1024 * 1024 + 1];
        Wire.check("too large a body", Wire.send(port, "POST", "/", over, ""), "413 {\"verified\": false, \"reason\": \"BODY_TOO_LARGE\"");
        String waits = " HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n";
        Wire.check("refused before the body", Wire.raw(port, "POST /" + waits + "Host: h\r\n\r\n", NONE), "401 {");
        Wire.check("no HTTP", Wire.raw(port, "GET /\r\n\r\n", NONE), "400");
        Wire.end("the sample server");
    }
}
