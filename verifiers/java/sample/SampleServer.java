import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
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
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;

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
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 128);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/", exchange -> answer(exchange, verifier));
        server.start();
        System.out.println("listening on 127.0.0.1:" + server.getAddress().getPort());
    }

    private static void answer(HttpExchange exchange, Verifier verifier) throws IOException {
        String target = exchange.getRequestURI().toString();
        Request request = new Request(exchange.getRequestMethod(), target).body(exchange.getRequestBody());
        List<String> headers = new ArrayList<String>();
        for (Map.Entry<String, List<String>> header : exchange.getRequestHeaders().entrySet()) {
            for (String value : header.getValue()) {
                request.header(header.getKey(), value);
                boolean isBasic = value.trim().toLowerCase().startsWith("basic ");
                String shown = isBasic ? "Basic (redacted)" : value;
                headers.add("[" + quoted(header.getKey()) + ", " + quoted(shown) + "]");
            }
        }
        try {
            Verified verified = verifier.verify(request);
            byte[] read = verified.body();
            byte[] body = read != null ? read : readAll(exchange.getRequestBody());
            send(exchange, 200, "{\"verified\": true, \"key\": " + quoted(verified.key())
                    + ", \"scheme\": " + quoted(verified.scheme().text())
                    + ", \"payload_signed\": " + verified.payloadSigned()
                    + ", \"method\": " + quoted(exchange.getRequestMethod())
                    + ", \"target\": " + quoted(target)
                    + ", \"headers\": " + headers + ", \"body_bytes\": " + body.length + ", \"body_sha256\": \"" + sha256(body) + "\"}\n");
        } catch (Refused refused) {
            send(exchange, refused.status(), refused.toJson());
        }
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

    private static void send(HttpExchange exchange, int status, String answer) throws IOException {
        byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
        boolean isHead = exchange.getRequestMethod().equals("HEAD");
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, isHead ? -1 : bytes.length);
        if (!isHead) {
            exchange.getResponseBody().write(bytes);
        }
        exchange.close();
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
