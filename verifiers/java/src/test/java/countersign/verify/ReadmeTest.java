package countersign.verify;

import java.nio.charset.StandardCharsets;

/** The README's program, which listens on the port given, as a new user would try it. */
public final class ReadmeTest {
    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        byte[] body = "{\"n\": 1}".getBytes(StandardCharsets.UTF_8);
        String target = "/orders?id=7&name=a%20b";
        Wire.check("a signed request", Wire.send(port, "POST", target, body, ""), "200 hello, signature_key1");
        String length = "Content-Length: " + body.length + "\r\n\r\n";
        String head = "POST " + target + " HTTP/1.1\r\nConnection: close\r\n";
        String signed = Wire.signed("POST", target, body, "127.0.0.1:" + port);
        body[6] = '2';
        Wire.check("a tampered one", Wire.raw(port, head + signed + length, body), "401 {\"verified\": false, \"reason\": \"SIGNATURE_MISMATCH\"");
        Wire.end("the example of the README");
    }
}
