import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * HTTP/1.1 over sockets, for samples: hands over every target and header exactly as received, which
 * no server of the JDK does, and needs nothing that Android has not. Not for the open internet.
 */
public final class PlainHttp implements Closeable {
    /** Answers one request, with {@link Exchange#answer}. */
    public interface Handler {
        void handle(Exchange exchange) throws IOException;
    }

    /** A message that is not HTTP. */
    static final class Malformed extends IOException {
        private static final long serialVersionUID = 1;

        Malformed(String message) {
            super(message);
        }
    }

    private static final int CONNECTIONS_MAX = 256;
    private static final int HEAD_BYTES_MAX = 256 * 1024;
    private static final int IDLE_MILLISECONDS_MAX = 60_000;

    private final ServerSocket socket;
    private final Handler handler;
    private final ExecutorService connections = Executors.newFixedThreadPool(CONNECTIONS_MAX);

    /** Listens on 127.0.0.1; the port may be 0, for any. */
    public PlainHttp(int port, Handler handler) throws IOException {
        this.socket = new ServerSocket(port, 128, InetAddress.getByName("127.0.0.1"));
        this.handler = handler;
    }

    public int port() {
        return socket.getLocalPort();
    }

    /** Answers until it is closed. */
    public void serve() throws IOException {
        while (!socket.isClosed()) {
            final Socket connection = socket.accept();
            connections.execute(new Runnable() {
                @Override
                public void run() {
                    serve(connection);
                }
            });
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
        connections.shutdownNow();
    }

    private void serve(Socket connection) {
        try {
            connection.setTcpNoDelay(true);
            connection.setSoTimeout(IDLE_MILLISECONDS_MAX);
            InputStream in = new BufferedInputStream(connection.getInputStream());
            OutputStream out = new BufferedOutputStream(connection.getOutputStream());
            try {
                for (Exchange exchange; (exchange = next(in, out)) != null; ) {
                    handler.handle(exchange);
                    if (!exchange.finish()) {
                        return;
                    }
                }
            } catch (Malformed malformed) {
                Exchange.write(out, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            }
        } catch (IOException gone) {
            // Nobody is there to be told.
        } finally {
            try {
                connection.close();
            } catch (IOException gone) {
                // It is closed, then.
            }
        }
    }

    /** Null where the connection ended between two requests. */
    private static Exchange next(InputStream in, OutputStream out) throws IOException {
        int[] left = {HEAD_BYTES_MAX};
        String start = line(in, left);
        if (start == null) {
            return null;
        }
        String[] words = start.split(" ", -1);
        if (words.length != 3 || !words[2].startsWith("HTTP/1.")) {
            throw new Malformed("no request line");
        }
        List<String[]> headers = new ArrayList<String[]>();
        for (String line; !(line = some(line(in, left))).isEmpty(); ) {
            int colon = line.indexOf(':');
            if (colon < 1 || line.charAt(0) == ' ' || line.charAt(0) == '\t') {
                throw new Malformed("no header");
            }
            headers.add(new String[] {line.substring(0, colon), trimmed(line.substring(colon + 1))});
        }
        return new Exchange(words[0], words[1], words[2].equals("HTTP/1.1"), headers, in, out);
    }

    /** A line in ISO-8859-1 without its end; null at the end of the stream. */
    static String line(InputStream in, int[] left) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int next; (next = in.read()) != '\n'; line.write(next)) {
            if (next < 0 && line.size() == 0) {
                return null;
            }
            if (next < 0 || --left[0] < 0) {
                throw new Malformed("a line without end");
            }
        }
        String text = line.toString("ISO-8859-1");
        return text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
    }

    static String some(String line) throws Malformed {
        if (line == null) {
            throw new Malformed("the stream ended too early");
        }
        return line;
    }

    private static String trimmed(String value) {
        int start = 0;
        int end = value.length();
        while (start < end && " \t".indexOf(value.charAt(start)) >= 0) {
            start++;
        }
        while (end > start && " \t".indexOf(value.charAt(end - 1)) >= 0) {
            end--;
        }
        return value.substring(start, end);
    }
}
