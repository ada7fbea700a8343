package countersign.verify.servlet;

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UnsupportedEncodingException;
import java.net.URLDecoder;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Enumeration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import javax.servlet.ReadListener;
import javax.servlet.ServletException;
import javax.servlet.ServletInputStream;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletRequestWrapper;
import javax.servlet.http.Part;

/** A request whose body was read, as if it had not been. Forms are parsed here, not by the server. */
final class VerifiedRequest extends HttpServletRequestWrapper {
    /** So that a form of millions of empty fields costs no more than its bytes. */
    private static final int FORM_FIELDS_MAX = 10_000;

    private final byte[] body;
    private ServletInputStream stream;
    private BufferedReader reader;
    private Map<String, String[]> parameters;

    VerifiedRequest(HttpServletRequest request, byte[] body) {
        super(request);
        this.body = body;
    }

    @Override
    public ServletInputStream getInputStream() {
        if (reader != null) {
            throw new IllegalStateException("the body is being read with getReader");
        }
        if (stream == null) {
            stream = new BodyStream(body);
        }
        return stream;
    }

    @Override
    public BufferedReader getReader() throws UnsupportedEncodingException {
        if (stream != null) {
            throw new IllegalStateException("the body is being read with getInputStream");
        }
        if (reader == null) {
            String charset = getCharacterEncoding();
            ByteArrayInputStream bytes = new ByteArrayInputStream(body);
            reader = new BufferedReader(
                    new InputStreamReader(bytes, charset == null ? "ISO-8859-1" : charset));
        }
        return reader;
    }

    @Override
    public String getParameter(String name) {
        String[] values = getParameterMap().get(name);
        return values == null ? null : values[0];
    }

    @Override
    public String[] getParameterValues(String name) {
        String[] values = getParameterMap().get(name);
        return values == null ? null : values.clone();
    }

    @Override
    public Enumeration<String> getParameterNames() {
        return Collections.enumeration(getParameterMap().keySet());
    }

    /** The query's, which the server parses, and then the form's. */
    @Override
    public Map<String, String[]> getParameterMap() {
        if (parameters == null) {
            Map<String, String[]> found = new LinkedHashMap<String, String[]>(super.getParameterMap());
            if (isForm()) {
                addForm(found);
            }
            parameters = Collections.unmodifiableMap(found);
        }
        return parameters;
    }

    /** The server would find an empty body and say that there are no parts. */
    @Override
    public Collection<Part> getParts() throws ServletException {
        throw new ServletException(
                "the parts of a verified body are for the application to parse, from getInputStream");
    }

    @Override
    public Part getPart(String name) throws ServletException {
        return getParts().iterator().next();
    }

    private boolean isForm() {
        String type = getContentType() == null ? "" : getContentType().toLowerCase(Locale.ROOT);
        return getMethod().equals("POST")
                && type.split(";", 2)[0].trim().equals("application/x-www-form-urlencoded");
    }

    private void addForm(Map<String, String[]> found) {
        String charset = getCharacterEncoding() == null ? "UTF-8" : getCharacterEncoding();
        try {
            String[] fields = new String(body, "ISO-8859-1").split("&", FORM_FIELDS_MAX + 1);
            if (fields.length > FORM_FIELDS_MAX) {
                throw new IllegalStateException(
                        "the form has more than " + FORM_FIELDS_MAX + " fields");
            }
            for (String field : fields) {
                if (!field.isEmpty()) {
                    String[] pair = field.split("=", 2);
                    String value = pair.length == 2 ? pair[1] : "";
                    add(found, decoded(pair[0], charset), decoded(value, charset));
                }
            }
        } catch (UnsupportedEncodingException unknown) {
            throw new IllegalStateException("the form has no known encoding", unknown);
        }
    }

    /** A field that cannot be decoded is left out, as servers do; it arrived as it was signed. */
    private static void add(Map<String, String[]> found, String name, String value) {
        if (name == null || value == null) {
            return;
        }
        String[] before = found.get(name);
        String[] values = before == null ? new String[1] : Arrays.copyOf(before, before.length + 1);
        values[values.length - 1] = value;
        found.put(name, values);
    }

    private static String decoded(String text, String charset) throws UnsupportedEncodingException {
        try {
            // Bytes that are not escaped are of the same encoding as those that are.
            return URLDecoder.decode(new String(text.getBytes("ISO-8859-1"), charset), charset);
        } catch (IllegalArgumentException malformed) {
            return null;
        }
    }

    private static final class BodyStream extends ServletInputStream {
        private final ByteArrayInputStream bytes;

        BodyStream(byte[] body) {
            bytes = new ByteArrayInputStream(body);
        }

        @Override
        public int read() {
            return bytes.read();
        }

        @Override
        public int read(byte[] target, int offset, int length) {
            return bytes.read(target, offset, length);
        }

        @Override
        public int available() {
            return bytes.available();
        }

        @Override
        public boolean isFinished() {
            return bytes.available() == 0;
        }

        @Override
        public boolean isReady() {
            return true;
        }

        /** All is there already, so the listener is told at once. */
        @Override
        public void setReadListener(ReadListener listener) {
            try {
                if (!isFinished()) {
                    listener.onDataAvailable();
                }
                if (isFinished()) {
                    listener.onAllDataRead();
                }
            } catch (IOException failure) {
                listener.onError(failure);
            }
        }
    }
}
