package countersign.verify.servlet;

import countersign.verify.Verified;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.util.Map;
import java.util.TreeMap;
import java.util.Arrays;
import javax.servlet.ServletException;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;

/** Reads the body as the path says, and answers with what it read. */
public final class EchoServlet extends HttpServlet {
    private static final long serialVersionUID = 1;

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response)
            throws ServletException, IOException {
        Verified verified = (Verified) request.getAttribute(VerifierFilter.VERIFIED);
        String how = request.getRequestURI();
        StringBuilder read = new StringBuilder(verified.key()).append(' ');
        if (how.startsWith("/stream")) {
            InputStream stream = request.getInputStream();
            int count = 0;
            int sum = 0;
            for (int next; (next = stream.read()) >= 0; count++) {
                sum = (sum * 31 + next) % 65_521;
            }
            read.append(count).append(' ').append(sum);
        } else if (how.startsWith("/reader")) {
            Reader reader = request.getReader();
            for (int next; (next = reader.read()) >= 0; ) {
                read.append((char) next);
            }
        } else if (how.startsWith("/parameters")) {
            Map<String, String> shown = new TreeMap<String, String>();
            for (Map.Entry<String, String[]> each : request.getParameterMap().entrySet()) {
                shown.put(each.getKey(), Arrays.toString(each.getValue()));
            }
            read.append(shown).append(' ').append(request.getParameter("x"));
        } else if (how.startsWith("/parts")) {
            try {
                read.append(request.getParts().size());
            } catch (ServletException refused) {
                read.append(refused.getMessage());
            }
        } else {
            read.append(how);
        }
        response.setContentType("text/plain;charset=UTF-8");
        response.getOutputStream().write(read.toString().getBytes("UTF-8"));
    }
}
