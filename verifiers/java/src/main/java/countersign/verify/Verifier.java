package countersign.verify;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** The verifier: whether a request that arrived is the one that was signed, and if not, why. */
public final class Verifier {
    private static final String DATE_HEADER = "x-sdk-date";
    private static final String CONTENT_HEADER = "x-sdk-content-sha256";
    private static final String UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD";

    private final Lookup lookup;
    private final Options options;

    /** With the defaults. A verifier may be used by many threads if its lookup and guard may. */
    public Verifier(Lookup lookup) {
        this(lookup, new Options());
    }

    public Verifier(Lookup lookup, Options options) {
        this.lookup = lookup;
        this.options = options;
    }

    /** Says who signed the request, by the system's clock. */
    public Verified verify(Request request) throws Refused, IOException {
        return verify(request, System.currentTimeMillis() / 1000);
    }

    /**
     * Says who signed the request.
     *
     * @param now in Unix seconds
     * @throws Refused with the one reason why not
     * @throws IOException what the body's stream throws
     */
    public Verified verify(Request request, long now) throws Refused, IOException {
        Claim claim = readClaim(request);
        List<byte[]> secrets = usable(lookup.secrets(claim.scheme, claim.key));
        if (secrets.isEmpty()) {
            throw new Refused(
                    Reason.UNKNOWN_KEY,
                    "the verifier knows no secret for the key that the request names");
        }
        if (claim.scheme == Scheme.BASIC) {
            for (byte[] secret : secrets) {
                if (MessageDigest.isEqual(secret, claim.proof)) {
                    return new Verified(claim.key, claim.scheme, false, null);
                }
            }
            throw mismatch();
        }
        return verifyHmac(request, claim, secrets, now);
    }

    private Verified verifyHmac(Request request, Claim claim, List<byte[]> secrets, long now)
            throws Refused, IOException {
        List<String[]> signed = signedHeaders(request, claim);
        String date = signedDate(signed);
        long signedAt = checkDate(date, now);
        String sentPayload = contentHeader(request);
        boolean isSigned = !UNSIGNED_PAYLOAD.equals(sentPayload);
        if (!isSigned && !options.unsignedPayloadAllowed) {
            throw new Refused(
                    Reason.UNSIGNED_PAYLOAD,
                    "the signature does not cover the body, and this verifier asks that it does");
        }
        byte[] body = isSigned ? readBody(request) : null;
        String bodyHash = isSigned ? Canonical.hex(Canonical.sha256(body)) : "";
        String payload = sentPayload == null ? bodyHash : sentPayload;
        byte[] canonical = Canonical.request(request.method, request.target, signed, payload);
        byte[] text = Canonical.bytes(Canonical.stringToSign(date, canonical));
        boolean isMatch = false;
        for (byte[] secret : secrets) {
            isMatch |= MessageDigest.isEqual(hmac(secret, text), claim.proof);
        }
        if (!isMatch) {
            throw mismatch();
        }
        if (isSigned && !payload.toLowerCase(Locale.ROOT).equals(bodyHash)) {
            throw new Refused(
                    Reason.BODY_MISMATCH,
                    "the body is not the one whose hash `" + CONTENT_HEADER + "` carries");
        }
        long expiresAt = signedAt + options.clockSkewSecondsMax;
        ReplayGuard guard = options.replayGuard;
        if (guard != null && !guard.isNew(claim.key, claim.signature, expiresAt)) {
            throw new Refused(Reason.REPLAYED, "the signature was used before");
        }
        return new Verified(claim.key, claim.scheme, isSigned, body);
    }

    private Claim readClaim(Request request) throws Refused {
        String name = options.signatureHeader.toLowerCase(Locale.ROOT);
        List<String> values = request.values(name);
        if (values.isEmpty()) {
            throw new Refused(
                    Reason.MISSING_AUTHORIZATION,
                    "the request has no " + name + " header; only requests through the gateway are "
                            + "accepted");
        }
        Claim claim = values.size() == 1 ? Claim.parse(values.get(0)) : null;
        if (claim == null) {
            throw new Refused(
                    Reason.MALFORMED_AUTHORIZATION,
                    "the " + name + " header is sent twice, or is neither `SDK-HMAC-SHA256 "
                            + "Access=..., SignedHeaders=..., Signature=...` nor `Basic ...`");
        }
        return claim;
    }

    /** An empty secret, from a variable that is not set, would let everybody in. */
    private static List<byte[]> usable(Iterable<String> secrets) {
        List<byte[]> usable = new ArrayList<byte[]>();
        if (secrets != null) {
            for (String secret : secrets) {
                if (!secret.isEmpty()) {
                    usable.add(secret.getBytes(StandardCharsets.UTF_8));
                }
            }
        }
        return usable;
    }

    private List<String[]> signedHeaders(Request request, Claim claim) throws Refused {
        List<String[]> signed = new ArrayList<String[]>();
        for (String name : claim.signedHeaders) {
            List<String> values = request.values(name);
            if (values.size() > 1) {
                throw repeated(name);
            }
            if (values.size() == 1) {
                signed.add(new String[] {name, values.get(0)});
            } else if (!name.equals(DATE_HEADER)) { // whose absence has a reason of its own
                throw new Refused(
                        Reason.SIGNED_HEADER_MISSING,
                        "the header `" + name + "` is among the signed headers, but the request "
                                + "does not carry it");
            }
        }
        List<String> required = new ArrayList<String>(options.requiredHeaders);
        required.add(0, "host");
        for (String name : required) {
            if (!claim.signedHeaders.contains(name.toLowerCase(Locale.ROOT))) {
                throw new Refused(
                        Reason.SIGNED_HEADER_MISSING,
                        "the header `" + name + "` must be signed, but the signed headers do not "
                                + "name it");
            }
        }
        return signed;
    }

    private static String signedDate(List<String[]> signed) throws Refused {
        for (String[] header : signed) {
            if (header[0].equals(DATE_HEADER)) {
                return Canonical.trim(header[1]);
            }
        }
        throw new Refused(
                Reason.DATE_MISSING_OR_UNSIGNED,
                "the request carries no `" + DATE_HEADER + "`, or does not sign it");
    }

    private long checkDate(String date, long now) throws Refused {
        Long signedAt = Claim.parseDate(date);
        if (signedAt == null) {
            throw new Refused(
                    Reason.DATE_MALFORMED,
                    "the `" + DATE_HEADER + "` is no moment in the form YYYYMMDDTHHMMSSZ");
        }
        long seconds = Math.abs(signedAt - now);
        if (seconds > options.clockSkewSecondsMax) {
            String side = signedAt > now ? "ahead of this clock" : "ago";
            throw new Refused(
                    Reason.CLOCK_SKEW,
                    "the request was signed " + seconds + " s " + side + ", more than the "
                            + options.clockSkewSecondsMax + " s allowed; compare the clocks");
        }
        return signedAt;
    }

    private static String contentHeader(Request request) throws Refused {
        List<String> values = request.values(CONTENT_HEADER);
        if (values.size() > 1) {
            throw repeated(CONTENT_HEADER);
        }
        return values.isEmpty() ? null : Canonical.trim(values.get(0));
    }

    private byte[] readBody(Request request) throws Refused, IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        byte[] piece = new byte[16_384];
        for (int length; (length = request.body.read(piece)) >= 0; ) {
            if (length > options.bodyBytesMax - body.size()) {
                throw new Refused(
                        Reason.BODY_TOO_LARGE,
                        "the body is larger than " + options.bodyBytesMax + " bytes");
            }
            body.write(piece, 0, length);
        }
        return body.toByteArray();
    }

    private static byte[] hmac(byte[] secret, byte[] text) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret, "HmacSHA256"));
            return mac.doFinal(text);
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("every platform has HmacSHA256", impossible);
        }
    }

    private static Refused repeated(String name) {
        return new Refused(
                Reason.SIGNED_HEADER_REPEATED,
                "the header `" + name + "` is sent twice, so it cannot be told which one was signed");
    }

    private static Refused mismatch() {
        return new Refused(
                Reason.SIGNATURE_MISMATCH,
                "the signature does not fit the request: the secret differs, or the method, path, "
                        + "query, a signed header or the body was changed on the way");
    }
}
