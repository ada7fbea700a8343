package countersign.verify.jakarta;

import countersign.verify.Refused;
import countersign.verify.Request;
import countersign.verify.Verified;
import countersign.verify.Verifier;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.FilterConfig;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

/**
 * Lets only verified requests through, and answers all others with their reason. It stands before
 * everything that reads bodies or parameters; what comes after it reads them as if nobody had.
 *
 * <p>It has a twin for the other namespace of servlets.
 */
public class VerifierFilter implements Filter {
    /** The attribute of the request in which the {@link Verified} is found. */
    public static final String VERIFIED = "countersign.verified";

    private final Verifier verifier;

    public VerifierFilter(Verifier verifier) {
        this.verifier = verifier;
    }

    @Override
    public void init(FilterConfig config) {}

    @Override
    public void destroy() {}

    @Override
    public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        HttpServletRequest http = (HttpServletRequest) request;
        Verified verified;
        try {
            verified = verifier.verify(received(http));
        } catch (Refused refused) {
            answer((HttpServletResponse) response, refused);
            return;
        }
        request.setAttribute(VERIFIED, verified);
        byte[] body = verified.body();
        chain.doFilter(body == null ? request : new VerifiedRequest(http, body), response);
    }

    private static Request received(HttpServletRequest http) {
        String query = http.getQueryString();
        String target = http.getRequestURI() + (query == null ? "" : "?" + query);
        Request request = new Request(http.getMethod(), target).body(new Unopened(http));
        for (String name : Collections.list(http.getHeaderNames())) {
            for (String value : Collections.list(http.getHeaders(name))) {
                request.header(name, value);
            }
        }
        return request;
    }

    private static void answer(HttpServletResponse response, Refused refused) throws IOException {
        byte[] body = refused.toJson().getBytes(StandardCharsets.US_ASCII);
        response.setStatus(refused.status());
        response.setContentType("application/json");
        response.setContentLength(body.length);
        response.getOutputStream().write(body);
    }

    /** The body's stream, not opened before it is read: opened once, it takes `getReader` away. */
    private static final class Unopened extends InputStream {
        private final HttpServletRequest request;

        Unopened(HttpServletRequest request) {
            this.request = request;
        }

        @Override
        public int read() throws IOException {
            return request.getInputStream().read();
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            return request.getInputStream().read(bytes, offset, length);
        }
    }
}
