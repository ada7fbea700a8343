import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;

/** A request of {@link PlainHttp} and its answer. */
public final class Exchange {
    /** What is read of a body that the handler left: a client that is still sending hears no answer. */
    private static final int LEFT_BYTES_MAX = 16 * 1024 * 1024;

    public final String method;
    /** As it stood in the request line. */
    public final String target;
    /** Pairs in order, repeated ones repeated. */
    public final List<String[]> headers;
    /** Ends where the body does, however it is framed. */
    public final InputStream body;

    private final OutputStream out;
    private boolean isKept;
    private boolean isAwaited;

    Exchange(
            String method,
            String target,
            boolean isNew,
            List<String[]> headers,
            InputStream in,
            OutputStream out) throws IOException {
        this.method = method;
        this.target = target;
        this.headers = headers;
        this.out = out;
        String connection = header("connection");
        isKept = isNew ? !connection.contains("close") : connection.contains("keep-alive");
        isAwaited = header("expect").equals("100-continue");
        String coding = header("transfer-encoding");
        String length = header("content-length");
        if (!coding.isEmpty() && (!coding.equals("chunked") || !length.isEmpty())) {
            throw new PlainHttp.Malformed("a body of unknown length");
        }
        if (!length.matches("[0-9]{0,15}")) {
            throw new PlainHttp.Malformed("no length");
        }
        long bytes = length.isEmpty() ? 0 : Long.parseLong(length);
        body = new Body(in, coding.isEmpty() ? bytes : -1);
    }

    /** Answers with JSON. */
    public void answer(int status, String json) throws IOException {
        byte[] bytes = json.getBytes("UTF-8");
        // Who waits for leave to send the body, and gets an answer instead, may send it or not.
        isKept &= !isAwaited;
        String phrase = status == 200 ? "OK" : status == 401 ? "Unauthorized" : "Content Too Large";
        write(out, "HTTP/1.1 " + status + " " + phrase
                + "\r\nContent-Type: application/json\r\nContent-Length: " + bytes.length
                + (isKept ? "" : "\r\nConnection: close") + "\r\n\r\n"
                + (method.equals("HEAD") ? "" : new String(bytes, "ISO-8859-1")));
    }

    /** Whether the connection can be used again, after the rest of the body was read. */
    boolean finish() throws IOException {
        byte[] piece = new byte[16_384];
        for (int left = LEFT_BYTES_MAX; !isAwaited && left > 0; ) {
            int length = body.read(piece, 0, piece.length);
            if (length < 0) {
                return isKept;
            }
            left -= length;
        }
        return false;
    }

    static void write(OutputStream out, String text) throws IOException {
        out.write(text.getBytes("ISO-8859-1"));
        out.flush();
    }

    private String header(String name) throws PlainHttp.Malformed {
        String found = "";
        for (String[] header : headers) {
            if (header[0].equalsIgnoreCase(name)) {
                if (!found.isEmpty() && !name.equals("connection")) {
                    throw new PlainHttp.Malformed("sent twice: " + name);
                }
                found += header[1].toLowerCase(java.util.Locale.ROOT);
            }
        }
        return found;
    }

    private final class Body extends InputStream {
        private final InputStream in;
        private final boolean isChunked;
        /** Of the body, or of the chunk. */
        private long left;
        private boolean isEnded;

        Body(InputStream in, long length) {
            this.in = in;
            isChunked = length < 0;
            left = Math.max(length, 0);
            isEnded = length == 0;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int wanted) throws IOException {
            if (isAwaited && !isEnded) {
                write(out, "HTTP/1.1 100 Continue\r\n\r\n");
                isAwaited = false;
            }
            if (isChunked && left == 0 && !isEnded) {
                left = chunk();
                isEnded = left == 0;
            }
            if (isEnded) {
                return -1;
            }
            int length = in.read(bytes, offset, (int) Math.min(wanted, left));
            if (length < 0) {
                throw new IOException("the connection ended before the body did");
            }
            left -= length;
            if (left == 0 && isChunked) {
                line();
            }
            isEnded = left == 0 && !isChunked;
            return length;
        }

        /** The length of the next chunk; the trailers are read after the last. */
        private long chunk() throws IOException {
            String size = line().split("[; \t]", 2)[0];
            if (!size.matches("[0-9A-Fa-f]{1,12}")) {
                throw new PlainHttp.Malformed("no chunk");
            }
            long length = Long.parseLong(size, 16);
            while (length == 0 && !line().isEmpty()) {
                // Trailers tell nothing that was signed.
            }
            return length;
        }

        private String line() throws IOException {
            return PlainHttp.some(PlainHttp.line(in, new int[] {16_384}));
        }
    }
}
