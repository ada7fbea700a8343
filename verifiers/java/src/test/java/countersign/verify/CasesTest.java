package countersign.verify;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The cases that every verifier is held to. The one argument is their file. */
public final class CasesTest {
    private static final Map<String, Iterable<String>> SECRETS = new HashMap<String, Iterable<String>>();

    public static void main(String[] arguments) throws Exception {
        byte[] bytes = Files.readAllBytes(Paths.get(arguments[0]));
        Map<?, ?> file = Json.read(new String(bytes, StandardCharsets.US_ASCII));
        for (Object each : (List<?>) file.get("keys")) {
            Map<?, ?> entry = (Map<?, ?>) each;
            List<String> secrets = new ArrayList<String>();
            for (Object secret : (List<?>) entry.get("secrets")) {
                secrets.add((String) secret);
            }
            SECRETS.put(entry.get("scheme") + "\0" + entry.get("key"), secrets);
        }
        List<String> kinds = Arrays.asList("vector", "accept", "refuse");
        int[] wanted = new int[3];
        int[] passed = new int[3];
        for (Object each : (List<?>) file.get("cases")) {
            Map<?, ?> entry = (Map<?, ?>) each;
            int kind = kinds.indexOf(entry.get("kind"));
            wanted[kind]++;
            Object found = outcome(entry);
            boolean hasStages = entry.get("stages") == null || stages(entry).equals(entry.get("stages"));
            if (found.equals(entry.get("expected")) && hasStages) {
                passed[kind]++;
            } else {
                System.out.println("FAILED " + entry.get("id") + ": " + found + " " + entry.get("says"));
            }
        }
        System.out.printf(
                "CASES vectors=%d/%d accepts=%d/%d refusals=%d/%d%n",
                passed[0], wanted[0], passed[1], wanted[1], passed[2], wanted[2]);
        System.exit(Arrays.equals(passed, wanted) && wanted[2] >= 40 ? 0 : 1);
    }

    private static Map<String, Object> outcome(Map<?, ?> entry) throws Exception {
        Map<String, Object> outcome = new HashMap<String, Object>();
        Lookup lookup = (scheme, key) -> SECRETS.get(scheme.text() + "\0" + key);
        try {
            Verifier verifier = new Verifier(lookup, options((Map<?, ?>) entry.get("options")));
            Verified verified = verifier.verify(request(entry), (Long) entry.get("now"));
            outcome.put("key", verified.key());
            outcome.put("scheme", verified.scheme().text());
            outcome.put("payload_signed", verified.payloadSigned());
        } catch (Refused refused) {
            outcome.put("refused", refused.reason().name());
        }
        return outcome;
    }

    private static Options options(Map<?, ?> given) {
        Options options = new Options();
        for (Map.Entry<?, ?> option : given.entrySet()) {
            Object value = option.getValue();
            switch ((String) option.getKey()) {
                case "signature_header":
                    options.signatureHeader((String) value);
                    break;
                case "clock_skew_seconds_max":
                    options.clockSkewSecondsMax((Long) value);
                    break;
                case "required_headers":
                    options.requiredHeaders(((List<?>) value).toArray(new String[0]));
                    break;
                case "unsigned_payload_allowed":
                    options.unsignedPayloadAllowed((Boolean) value);
                    break;
                case "body_bytes_max":
                    options.bodyBytesMax(((Long) value).intValue());
                    break;
                case "replay_guard_answers":
                    options.replayGuard((key, signature, expiresAt) -> (Boolean) value);
                    break;
                default:
                    throw new IllegalArgumentException("no such option: " + option);
            }
        }
        return options;
    }

    private static Request request(Map<?, ?> entry) {
        Request request = new Request((String) entry.get("method"), (String) entry.get("target"));
        for (Object each : (List<?>) entry.get("headers")) {
            List<?> header = (List<?>) each;
            request.header((String) header.get(0), (String) header.get(1));
        }
        return request.body(body(entry));
    }

    private static byte[] body(Map<?, ?> entry) {
        return Base64.getDecoder().decode((String) entry.get("body_b64"));
    }

    /** The texts on the way to the signature, from the parts that the claim names. */
    private static Map<String, Object> stages(Map<?, ?> entry) {
        Request request = request(entry);
        Object header = ((Map<?, ?>) entry.get("options")).get("signature_header");
        String name = header == null ? "authorization" : ((String) header).toLowerCase();
        Claim claim = Claim.parse(request.values(name).get(0));
        List<String[]> signed = new ArrayList<String[]>();
        for (String each : claim.signedHeaders) {
            signed.add(new String[] {each, request.values(each).get(0)});
        }
        List<String> sent = request.values("x-sdk-content-sha256");
        String hash = Canonical.hex(Canonical.sha256(body(entry)));
        String payload = sent.isEmpty() ? hash : sent.get(0);
        byte[] canonical = Canonical.request(request.method, request.target, signed, payload);
        String date = Canonical.trim(request.values("x-sdk-date").get(0));
        Map<String, Object> stages = new HashMap<String, Object>();
        stages.put("canonical_request", new String(canonical, StandardCharsets.ISO_8859_1));
        stages.put("string_to_sign", Canonical.stringToSign(date, canonical));
        stages.put("signature", claim.signature);
        return stages;
    }
}
