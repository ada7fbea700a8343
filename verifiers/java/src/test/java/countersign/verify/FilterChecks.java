package countersign.verify;

import java.nio.charset.StandardCharsets;

/** What a filter must do in every server. Behind it stands the servlet that echoes. */
public final class FilterChecks {
    public static final Options OPTIONS =
            new Options().unsignedPayloadAllowed(true).bodyBytesMax(2 * 1024 * 1024);

    private FilterChecks() {}

    public static void run(int port) throws Exception {
        byte[] none = {};
        String host = "127.0.0.1:" + port;
        for (String method : new String[] {"GET", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"}) {
            for (String target : new String[] {"/", "/a%20b;c=d/?x=+%20&&=y&x", "/%C3%A9?q=%7b%zz", "/a/b/"}) {
                String path = target.split("\\?")[0];
                Wire.check(method + " " + target, Wire.send(port, method, target, none, ""), "200 signature_key1 " + path);
            }
        }
        byte[] large = new byte[1024 * 1024];
        int sum = 0;
        for (int at = 0; at < large.length; at++) {
            large[at] = (byte) (at * 7);
            sum = (sum * 31 + (large[at] & 0xff)) % 65_521;
        }
        Wire.check("a large body", Wire.send(port, "POST", "/stream", large, ""), "1048576 " + sum);
        Wire.check("no body", Wire.send(port, "POST", "/stream", none, ""), "signature_key1 0 0");
        String text = "Content-Type: text/plain;charset=utf-8\r\n";
        byte[] umlaut = "\u00e9x".getBytes(StandardCharsets.UTF_8);
        Wire.check("a reader", Wire.send(port, "POST", "/reader", umlaut, text), "signature_key1 \u00c3\u00a9x");
        String form = "Content-Type: application/x-www-form-urlencoded\r\n";
        byte[] fields = "x=%C3%A9+b&y&x=2&%zz=3&=4&&z=%26".getBytes(StandardCharsets.US_ASCII);
        String parameters = Wire.send(port, "POST", "/parameters?x=1&q=5", fields, form);
        Wire.check("a form", parameters, "q=[5], x=[1, \u00c3\u00a9 b, 2], y=[], z=[&]} 1");
        Wire.check("a query", Wire.send(port, "GET", "/parameters?x=1&q=5", none, ""), "{q=[5], x=[1]} 1");
        String parts = "Content-Type: multipart/form-data; boundary=b\r\n";
        Wire.check("parts", Wire.send(port, "POST", "/parts", "--b--".getBytes("US-ASCII"), parts), "for the application to parse");

        // A body that is not signed is not touched: whichever way the handler reads it, it can.
        String basic = "Host: h\r\nAuthorization: Basic c2lnbmF0dXJlX2tleTE6c2lnbmF0dXJlX3NlY3JldDE=\r\n";
        String unsigned = Wire.signed("POST", "/stream", "UNSIGNED-PAYLOAD", host, "");
        String length = "Connection: close\r\nContent-Length: 3\r\n";
        byte[] three = "x=y".getBytes(StandardCharsets.US_ASCII);
        Wire.check("Basic, a reader", Wire.raw(port, "POST /reader HTTP/1.1\r\n" + basic + length + "\r\n", three), "200 signature_key1 x=y");
        Wire.check("Basic, a form", Wire.raw(port, "POST /parameters HTTP/1.1\r\n" + basic + length + form + "\r\n", three), "{x=[y]} y");
        Wire.check("an unsigned body", Wire.raw(port, "POST /stream HTTP/1.1\r\n" + unsigned + length + "\r\n", three), "200 signature_key1 3 ");
        String chunked = "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        byte[] chunks = "2\r\nx=\r\n1\r\ny\r\n0\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
        Wire.check("chunks", Wire.raw(port, "POST /stream HTTP/1.1\r\n" + Wire.signed("POST", "/stream", three, host) + chunked, chunks), "200 signature_key1 3 ");
        String header = Wire.signed("GET", "/", Canonical.hex(Canonical.sha256(none)), host, "a \u00c3\u00a9 z");
        Wire.check("a signed header of bytes", Wire.raw(port, "GET / HTTP/1.1\r\nConnection: close\r\n" + header + "\r\n", none), "200 signature_key1 /");

        String start = "GET /other HTTP/1.1\r\nConnection: close\r\n" + Wire.signed("GET", "/", none, host);
        Wire.check("another path", Wire.raw(port, start + "\r\n", none), "401 {\"verified\": false, \"reason\": \"SIGNATURE_MISMATCH\"");
        Wire.check("a header twice", Wire.raw(port, start + "X-Sdk-Date: x\r\n\r\n", none), "SIGNED_HEADER_REPEATED");
        Wire.check("no signature", Wire.raw(port, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", none), "401 {\"verified\": false, \"reason\": \"MISSING_AUTHORIZATION\"");
        byte[] over = new byte[2 * 1024 * 1024 + 1];
        Wire.check("too large a body", Wire.send(port, "POST", "/stream", over, ""), "413 {\"verified\": false, \"reason\": \"BODY_TOO_LARGE\"");
    }
}
