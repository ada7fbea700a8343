package countersign.verify;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.Arrays;
import java.util.TimeZone;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Signs requests and sends them, byte for byte as they are written. */
public final class Wire {
    public static final String KEY = "signature_key1";
    public static final String SECRET = "signature_secret1";

    private static int checks = 0;
    private static int failures = 0;

    private Wire() {}

    /** The headers of a request that is signed now, each with its line end. */
    public static String signed(String method, String target, byte[] body, String host) {
        return signed(method, target, Canonical.hex(Canonical.sha256(body)), host, "");
    }

    /** With a payload of one's own; {@code extra} is the value of a signed header, if there is one. */
    public static String signed(
            String method, String target, String payload, String host, String extra) {
        SimpleDateFormat format = new SimpleDateFormat("yyyyMMdd'T'HHmmss'Z'");
        format.setTimeZone(TimeZone.getTimeZone("UTC"));
        String date = format.format(new Date());
        boolean isExtra = !extra.isEmpty();
        String[][] headers = {{"host", host}, {"x-extra", extra}, {"x-sdk-date", date}};
        String[][] fewer = {headers[0], headers[2]};
        byte[] canonical =
                Canonical.request(method, target, Arrays.asList(isExtra ? headers : fewer), payload);
        String signature;
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(SECRET.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            String text = Canonical.stringToSign(date, canonical);
            signature = Canonical.hex(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
        } catch (java.security.GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
        String content = payload.equals("UNSIGNED-PAYLOAD") ? "X-Sdk-Content-Sha256: " + payload + "\r\n" : "";
        return "Host: " + host + "\r\nX-Sdk-Date: " + date + "\r\n" + content
                + (isExtra ? "X-Extra: " + extra + "\r\n" : "")
                + "Authorization: SDK-HMAC-SHA256 Access=" + KEY + ", SignedHeaders=host;"
                + (isExtra ? "x-extra;" : "") + "x-sdk-date, Signature=" + signature + "\r\n";
    }

    /** Sends a signed request with a length and gives the status and the body. */
    public static String send(int port, String method, String target, byte[] body, String more)
            throws IOException {
        String host = "127.0.0.1:" + port;
        String length = body.length == 0 ? "" : "Content-Length: " + body.length + "\r\n";
        return raw(port, method + " " + target + " HTTP/1.1\r\nConnection: close\r\n"
                + signed(method, target, body, host) + more + length + "\r\n", body);
    }

    /** Sends a head and a body, and gives `status body` of the answer, which ends the connection. */
    public static String raw(int port, String head, byte[] body) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.setSoTimeout(10_000);
            socket.getOutputStream().write(head.getBytes(StandardCharsets.ISO_8859_1));
            try {
                socket.getOutputStream().write(body);
            } catch (IOException refused) {
                // An answer may come before the body is through.
            }
            String answer = new String(all(socket.getInputStream()), StandardCharsets.ISO_8859_1);
            int end = answer.indexOf("\r\n\r\n");
            String text = end < 0 ? answer : answer.substring(end + 4);
            if (answer.toLowerCase().contains("transfer-encoding: chunked")) {
                text = text.replaceAll("(?:^|\r\n)[0-9a-fA-F]+\r\n", "").trim();
            }
            return (answer.length() < 12 ? "none" : answer.substring(9, 12)) + " " + text;
        }
    }

    /** Counts a check and tells of one that failed: the answer is to contain the text. */
    public static void check(String what, String found, String wanted) {
        checks++;
        if (!found.contains(wanted)) {
            failures++;
            System.out.println("FAILED " + what + ": " + found + " instead of " + wanted);
        }
    }

    /** Ends the program with what the checks found. */
    public static void end(String what) {
        System.out.println(what + ": " + (checks - failures) + " of " + checks + " checks");
        System.exit(failures == 0 && checks > 0 ? 0 : 1);
    }

    private static byte[] all(InputStream stream) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] piece = new byte[16_384];
        try {
            for (int length; (length = stream.read(piece)) >= 0; ) {
                all.write(piece, 0, length);
            }
        } catch (java.net.SocketException reset) {
            // What came before it is the answer.
        }
        return all.toByteArray();
    }
}
