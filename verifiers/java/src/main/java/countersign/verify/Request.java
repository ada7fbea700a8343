package countersign.verify;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A request as it arrived. Text stands for bytes, as servers decode them (ISO-8859-1). */
public final class Request {
    final String method;
    final String target;
    final List<String[]> headers = new ArrayList<String[]>();
    InputStream body = new ByteArrayInputStream(new byte[0]);

    /** The target is path and query, nothing decoded. */
    public Request(String method, String target) {
        this.method = method;
        this.target = target;
    }

    /** Adds a header; a repeated one is added again. */
    public Request header(String name, String value) {
        headers.add(new String[] {name.toLowerCase(Locale.ROOT), value});
        return this;
    }

    public Request body(byte[] bytes) {
        return body(new ByteArrayInputStream(bytes));
    }

    /** A stream is read only if its bytes are needed and all else is right. */
    public Request body(InputStream stream) {
        body = stream;
        return this;
    }

    /** All values of a header, whose name is in lower case. */
    List<String> values(String name) {
        List<String> values = new ArrayList<String>();
        for (String[] header : headers) {
            if (header[0].equals(name)) {
                values.add(header[1]);
            }
        }
        return values;
    }
}
