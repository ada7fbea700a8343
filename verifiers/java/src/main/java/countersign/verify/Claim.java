package countersign.verify;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The signature header and the date, read strictly. Never decides whether they are true. */
final class Claim {
    private static final Pattern SCHEME =
            Pattern.compile("([^ \\t]*)[ \\t][ \\t\\n\\f\\r]*(.*)", Pattern.DOTALL);
    private static final Pattern FIELDS =
            Pattern.compile("Access=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})");
    private static final Pattern NAME = Pattern.compile("[a-z0-9!#$%&'*+\\-.^_`|~]+");
    private static final Pattern DATE = Pattern.compile(
            "([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z");
    private static final String BASE64 =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    final Scheme scheme;
    final String key;
    /** The signature in hex, or the secret of Basic as bytes. */
    final String signature;
    final byte[] proof;
    final List<String> signedHeaders;

    private Claim(Scheme scheme, String key, String signature, byte[] proof, List<String> names) {
        this.scheme = scheme;
        this.key = key;
        this.signature = signature;
        this.proof = proof;
        this.signedHeaders = names;
    }

    /** Reads a signature header in one of its two forms; anything else is null. */
    static Claim parse(String value) {
        String text = utf8(Canonical.bytes(Canonical.trim(value)));
        Matcher parts = SCHEME.matcher(text == null ? "" : text);
        if (!parts.matches()) {
            return null;
        }
        if (parts.group(1).equals(Scheme.HMAC.text())) {
            return parseHmac(parts.group(2));
        }
        // Not by equalsIgnoreCase, for which a dotless i is an i.
        boolean isBasic = parts.group(1).toLowerCase(Locale.ROOT).equals("basic");
        return isBasic ? parseBasic(parts.group(2)) : null;
    }

    /** The Unix seconds of {@code YYYYMMDDTHHMMSSZ}; null where there is no such moment. */
    static Long parseDate(String text) {
        Matcher fields = DATE.matcher(text);
        if (!fields.matches()) {
            return null;
        }
        int[] number = new int[7];
        for (int at = 1; at < number.length; at++) {
            number[at] = Integer.parseInt(fields.group(at));
        }
        int year = number[1];
        boolean isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        int[] lengths = {31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        int month = number[2];
        boolean isDay = month >= 1 && month <= 12 && number[3] >= 1 && number[3] <= lengths[month - 1];
        if (!isDay || number[4] > 23 || number[5] > 59 || number[6] > 59) {
            return null;
        }
        // Days since 1970, by a year that begins in March, so that the leap day comes last.
        long shifted = year + 400 - (month <= 2 ? 1 : 0);
        long dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + number[3] - 1;
        long days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear;
        return (days - 719_468 - 146_097) * 86_400 + number[4] * 3_600 + number[5] * 60 + number[6];
    }

    private static Claim parseHmac(String text) {
        Matcher fields = FIELDS.matcher(text);
        if (!fields.matches()) {
            return null;
        }
        String before = "";
        List<String> names = Arrays.asList(fields.group(2).split(";", -1));
        for (String name : names) {
            if (!NAME.matcher(name).matches() || before.compareTo(name) >= 0) {
                return null;
            }
            before = name;
        }
        String signature = fields.group(3);
        byte[] proof = new byte[32];
        for (int at = 0; at < proof.length; at++) {
            proof[at] = (byte) Integer.parseInt(signature.substring(2 * at, 2 * at + 2), 16);
        }
        return new Claim(Scheme.HMAC, fields.group(1), signature, proof, names);
    }

    private static Claim parseBasic(String text) {
        byte[] credentials = base64(text);
        int colon = 0;
        while (credentials != null && colon < credentials.length && credentials[colon] != ':') {
            colon++;
        }
        if (credentials == null || colon == credentials.length) {
            return null;
        }
        String key = utf8(Arrays.copyOf(credentials, colon));
        byte[] secret = Arrays.copyOfRange(credentials, colon + 1, credentials.length);
        List<String> none = Collections.emptyList();
        return key == null ? null : new Claim(Scheme.BASIC, key, "", secret, none);
    }

    /** Exact base64, or null. Android has had a class for it only since level 26. */
    private static byte[] base64(String text) {
        int padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
        if (text.length() % 4 != 0) {
            return null;
        }
        byte[] bytes = new byte[text.length() / 4 * 3 - padding];
        int bits = 0;
        int length = 0;
        for (int at = 0; at < text.length() - padding; at++) {
            int digit = BASE64.indexOf(text.charAt(at));
            if (digit < 0) {
                return null;
            }
            bits = bits << 6 | digit;
            if (at % 4 != 0) {
                bytes[length++] = (byte) (bits >> 6 - at % 4 * 2);
            }
        }
        boolean hasStrayBits = (bits & (1 << padding * 2) - 1) != 0;
        return hasStrayBits ? null : bytes;
    }

    private static String utf8(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException notUtf8) {
            return null;
        }
    }
}
