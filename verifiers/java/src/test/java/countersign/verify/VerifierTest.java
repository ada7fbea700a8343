package countersign.verify;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/** What the cases cannot say: streams, several secrets, guards, and requests made at random. */
public final class VerifierTest {
    private static final Lookup LOOKUP = (scheme, key) -> Collections.singletonList(Wire.SECRET);

    public static void main(String[] arguments) throws Exception {
        streams();
        secrets();
        guard();
        random();
        Wire.end("the verifier");
    }

    private static void streams() throws Exception {
        byte[] body = "abcdef".getBytes(StandardCharsets.US_ASCII);
        Counted read = new Counted(body);
        Verified verified = new Verifier(LOOKUP).verify(signed(body).body(read));
        Wire.check("the body of a stream", new String(verified.body(), StandardCharsets.US_ASCII), "abcdef");

        Counted endless = new Counted(null);
        Verifier small = new Verifier(LOOKUP, new Options().bodyBytesMax(100_000));
        Wire.check("a body without end", outcome(small, signed(body).body(endless)), "BODY_TOO_LARGE");
        Wire.check("how far it is read", endless.count < 150_000 ? "not far" : "far", "not far");

        Counted untouched = new Counted(body);
        Request basic = new Request("POST", "/").body(untouched)
                .header("Authorization", "Basic c2lnbmF0dXJlX2tleTE6c2lnbmF0dXJlX3NlY3JldDE=");
        Wire.check("Basic", outcome(new Verifier(LOOKUP), basic), "signature_key1");
        Request other = signed(body).header("Host", "twice").body(untouched);
        Wire.check("a repeated header", outcome(new Verifier(LOOKUP), other), "SIGNED_HEADER_REPEATED");
        Wire.check("what was read of their bodies", "" + untouched.count, "0");

        InputStream broken = new InputStream() {
            @Override
            public int read() throws IOException {
                throw new IOException("gone");
            }
        };
        try {
            new Verifier(LOOKUP).verify(signed(body).body(broken));
            Wire.check("a broken stream", "accepted", "gone");
        } catch (IOException passedOn) {
            Wire.check("a broken stream", passedOn.getMessage(), "gone");
        }
    }

    private static void secrets() throws Exception {
        byte[] none = {};
        Lookup several = (scheme, key) -> Arrays.asList("", "old", Wire.SECRET);
        Wire.check("several secrets", outcome(new Verifier(several), signed(none)), "signature_key1");
        Lookup old = (scheme, key) -> Arrays.asList("old");
        Wire.check("an old secret", outcome(new Verifier(old), signed(none)), "SIGNATURE_MISMATCH");
        Lookup empty = (scheme, key) -> Arrays.asList("");
        Wire.check("an empty secret", outcome(new Verifier(empty), signed(none)), "UNKNOWN_KEY");
        Lookup nothing = (scheme, key) -> null;
        Wire.check("no secret", outcome(new Verifier(nothing), signed(none)), "UNKNOWN_KEY");
    }

    private static void guard() throws Exception {
        List<String> seen = new ArrayList<String>();
        Verifier once = new Verifier(LOOKUP, new Options().replayGuard(
                (key, signature, expiresAt) -> !seen.contains(signature) && seen.add(signature)));
        Request request = signed(new byte[0]);
        Wire.check("the first time", outcome(once, request), "signature_key1");
        Wire.check("the second time", outcome(once, request), "REPLAYED");
    }

    /** Whatever becomes of a request, it is refused or means what was signed, and nothing else fails. */
    private static void random() throws Exception {
        Random random = new Random(20_261_123);
        String alphabet = "%2fFaAzZ09+&=;?/~ \t\r\n\0,:._-\u00e9\u00ff\u0130\u20ac\ud83d";
        Verifier verifier = new Verifier(LOOKUP);
        byte[] body = "body".getBytes(StandardCharsets.US_ASCII);
        String failed = "none";
        for (int round = 0; round < 20_000; round++) {
            Request request = signed(body);
            String[] parts = {request.method, request.target, request.headers.get(2)[1], request.headers.get(1)[1]};
            int part = random.nextInt(parts.length);
            int at = random.nextInt(parts[part].length());
            char other = alphabet.charAt(random.nextInt(alphabet.length()));
            int cut = random.nextInt(3) == 0 ? 0 : 1;
            String changed = parts[part].substring(0, at) + other + parts[part].substring(at + cut);
            boolean isSame = changed.equals(parts[part]);
            parts[part] = changed;
            Request mutated = new Request(parts[0], parts[1]).body(body)
                    .header("host", "backend").header("x-sdk-date", parts[3]).header("authorization", parts[2]);
            try {
                String outcome = outcome(verifier, mutated);
                // What is accepted though it differs is written otherwise and means the same.
                boolean isAlike = Arrays.equals(canonical(mutated), canonical(request));
                if (outcome.equals(Wire.KEY) && !isSame && !isAlike) {
                    failed = "accepted " + changed;
                }
            } catch (RuntimeException crash) {
                failed = crash + " for " + changed;
            }
        }
        Wire.check("requests made at random that failed", failed, "none");
    }

    private static byte[] canonical(Request request) {
        return Canonical.request(request.method, request.target, Collections.<String[]>emptyList(), "");
    }

    private static Request signed(byte[] body) {
        Request request = new Request("POST", "/a%2Fb?x=%20&y").body(body);
        for (String line : Wire.signed("POST", "/a%2Fb?x=%20&y", body, "backend").split("\r\n")) {
            request.header(line.split(": ", 2)[0], line.split(": ", 2)[1]);
        }
        return request;
    }

    private static String outcome(Verifier verifier, Request request) throws IOException {
        try {
            return verifier.verify(request).key();
        } catch (Refused refused) {
            return refused.reason().name();
        }
    }

    /** Tells how much was read; without bytes it never ends. */
    private static final class Counted extends InputStream {
        private final InputStream bytes;
        int count = 0;

        Counted(byte[] bytes) {
            this.bytes = bytes == null ? null : new ByteArrayInputStream(bytes);
        }

        @Override
        public int read() throws IOException {
            count++;
            return bytes == null ? 'a' : bytes.read();
        }
    }
}
