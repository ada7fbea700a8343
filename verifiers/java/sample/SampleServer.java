import countersign.verify.Lookup;
import countersign.verify.Options;
import countersign.verify.Refused;
import countersign.verify.Request;
import countersign.verify.Verified;
import countersign.verify.Verifier;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** A sample backend: {@code SampleServer --port 9000 --key signature_key1 --secret-file secret}. */
public final class SampleServer {
    public static void main(String[] arguments) throws IOException {
        List<String> given = Arrays.asList(arguments);
        final String key = given.get(given.indexOf("--key") + 1);
        byte[] file = Files.readAllBytes(Paths.get(given.get(given.indexOf("--secret-file") + 1)));
        // One line end at the end of the file is no part of the secret.
        final String secret = new String(file, StandardCharsets.UTF_8).replaceFirst("\r?\n\\z", "");
        int port = given.contains("--port") ? Integer.parseInt(given.get(given.indexOf("--port") + 1)) : 9000;
        Lookup lookup = (scheme, asked) -> asked.equals(key) ? Collections.singletonList(secret) : null;
        boolean isAllowed = given.contains("--allow-unsigned-payload");
        Verifier verifier = new Verifier(lookup, new Options().unsignedPayloadAllowed(isAllowed));
        PlainHttp server = new PlainHttp(port, exchange -> answer(exchange, verifier));
        System.out.println("listening on 127.0.0.1:" + server.port());
        server.serve();
    }

    private static void answer(Exchange exchange, Verifier verifier) throws IOException {
        Request request = new Request(exchange.method, exchange.target).body(exchange.body);
        for (String[] header : exchange.headers) {
            request.header(header[0], header[1]);
        }
        try {
            Verified verified = verifier.verify(request);
            byte[] read = verified.body();
            exchange.answer(200, seen(exchange, verified, read != null ? read : readAll(exchange.body)));
        } catch (Refused refused) {
            exchange.answer(refused.status(), refused.toJson());
        }
    }

    private static String seen(Exchange exchange, Verified verified, byte[] body) {
        List<String> headers = new ArrayList<String>();
        for (String[] header : exchange.headers) {
            boolean isBasic = header[1].trim().toLowerCase().startsWith("basic");
            String shown = isBasic ? "Basic (redacted)" : header[1];
            headers.add("[" + quoted(header[0]) + ", " + quoted(shown) + "]");
        }
        return "{\"verified\": true, \"key\": " + quoted(verified.key())
                + ", \"scheme\": " + quoted(verified.scheme().text())
                + ", \"payload_signed\": " + verified.payloadSigned()
                + ", \"method\": " + quoted(exchange.method)
                + ", \"target\": " + quoted(exchange.target)
                + ", \"headers\": " + headers
                + ", \"body_bytes\": " + body.length
                + ", \"body_sha256\": \"" + sha256(body) + "\"}\n";
    }

    private static byte[] readAll(InputStream stream) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] piece = new byte[16_384];
        for (int length; (length = stream.read(piece)) >= 0; ) {
            all.write(piece, 0, length);
        }
        return all.toByteArray();
    }

    private static String sha256(byte[] bytes) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(bytes);
            return String.format("%064x", new BigInteger(1, hash));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char character : text.toCharArray()) {
            boolean isPlain = character >= ' ' && character <= '~' && character != '"' && character != '\\';
            quoted.append(isPlain ? String.valueOf(character) : String.format("\\u%04x", (int) character));
        }
        return quoted.append('"').toString();
    }
}
