package countersign.verify;

import java.io.ByteArrayOutputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;

/** The canonical request and the string to sign. Never holds a secret. */
public final class Canonical {
    private static final String DIGITS = "0123456789ABCDEF";
    private static final Charset LATIN1 = StandardCharsets.ISO_8859_1;

    private Canonical() {}

    /** Headers are the signed ones as pairs, names in lower case and ascending. */
    public static byte[] request(
            String method, String target, List<String[]> headers, String payload) {
        int mark = target.indexOf('?');
        String path = mark < 0 ? target : target.substring(0, mark);
        String query = mark < 0 ? "" : target.substring(mark + 1);
        StringBuilder names = new StringBuilder();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        write(out, upper(method) + "\n" + uri(path) + "\n" + query(query) + "\n");
        for (String[] header : headers) {
            write(out, header[0] + ":");
            write(out, trim(header[1]));
            write(out, "\n");
            names.append(names.length() == 0 ? "" : ";").append(header[0]);
        }
        write(out, "\n" + names + "\n");
        write(out, payload);
        return out.toByteArray();
    }

    public static String stringToSign(String date, byte[] canonicalRequest) {
        return Scheme.HMAC.text() + "\n" + date + "\n" + hex(sha256(canonicalRequest));
    }

    static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("every platform has SHA-256", impossible);
        }
    }

    static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte value : bytes) {
            text.append(Character.forDigit(value >> 4 & 15, 16));
            text.append(Character.forDigit(value & 15, 16));
        }
        return text.toString();
    }

    /** {@code String.trim} would take all controls. */
    static String trim(String value) {
        int start = 0;
        int end = value.length();
        while (start < end && " \t\n\f\r".indexOf(value.charAt(start)) >= 0) {
            start++;
        }
        while (end > start && " \t\n\f\r".indexOf(value.charAt(end - 1)) >= 0) {
            end--;
        }
        return value.substring(start, end);
    }

    /** The bytes that a server decoded, by ISO-8859-1 or else by UTF-8. */
    static byte[] bytes(String text) {
        for (int at = 0; at < text.length(); at++) {
            if (text.charAt(at) > 0xff) {
                return text.getBytes(StandardCharsets.UTF_8);
            }
        }
        return text.getBytes(LATIN1);
    }

    private static void write(ByteArrayOutputStream out, String text) {
        byte[] bytes = bytes(text);
        out.write(bytes, 0, bytes.length);
    }

    private static String upper(String method) {
        StringBuilder upper = new StringBuilder();
        for (char letter : method.toCharArray()) {
            upper.append(letter >= 'a' && letter <= 'z' ? (char) (letter - 32) : letter);
        }
        return upper.toString();
    }

    private static String uri(String path) {
        String uri = encoded(decoded(bytes(path)), true);
        return uri.endsWith("/") ? uri : uri + "/";
    }

    private static String query(String query) {
        // Decoded text has one character for each byte, so that it sorts as bytes do.
        List<String[]> parameters = new ArrayList<String[]>();
        for (String parameter : query.split("&", -1)) {
            int equals = parameter.indexOf('=');
            String name = equals < 0 ? parameter : parameter.substring(0, equals);
            String value = equals < 0 ? "" : parameter.substring(equals + 1);
            if (!name.isEmpty()) {
                parameters.add(new String[] {decoded(bytes(name)), decoded(bytes(value))});
            }
        }
        Collections.sort(parameters, new Comparator<String[]>() {
            @Override
            public int compare(String[] one, String[] other) {
                int byName = one[0].compareTo(other[0]);
                return byName != 0 ? byName : one[1].compareTo(other[1]);
            }
        });
        StringBuilder text = new StringBuilder();
        for (String[] parameter : parameters) {
            text.append(text.length() == 0 ? "" : "&").append(encoded(parameter[0], false));
            text.append('=').append(encoded(parameter[1], false));
        }
        return text.toString();
    }

    /** The bytes that are meant; a {@code %} that begins no escape is a percent sign. */
    private static String decoded(byte[] bytes) {
        StringBuilder meant = new StringBuilder(bytes.length);
        for (int at = 0; at < bytes.length; at++) {
            int high = bytes[at] == '%' && at + 2 < bytes.length ? digit(bytes[at + 1]) : -1;
            int low = high < 0 ? -1 : digit(bytes[at + 2]);
            meant.append((char) (low < 0 ? bytes[at] & 0xff : high << 4 | low));
            at += low < 0 ? 0 : 2;
        }
        return meant.toString();
    }

    /** {@code Character.digit} would take digits of other scripts. */
    private static int digit(byte character) {
        return character < 0 ? -1 : Character.digit((char) character, 16);
    }

    private static String encoded(String meant, boolean isPath) {
        StringBuilder text = new StringBuilder(meant.length());
        for (char value : meant.toCharArray()) {
            boolean isLetter = value >= 'A' && value <= 'Z' || value >= 'a' && value <= 'z';
            boolean isDigit = value >= '0' && value <= '9';
            if (isLetter || isDigit || "-_.~".indexOf(value) >= 0 || isPath && value == '/') {
                text.append(value);
            } else {
                text.append('%').append(DIGITS.charAt(value >> 4)).append(DIGITS.charAt(value & 15));
            }
        }
        return text.toString();
    }
}
