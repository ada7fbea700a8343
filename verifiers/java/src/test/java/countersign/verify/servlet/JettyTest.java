package countersign.verify.servlet;

import countersign.verify.FilterChecks;
import countersign.verify.Verifier;
import countersign.verify.Wire;
import java.net.InetSocketAddress;
import java.util.Collections;
import java.util.EnumSet;
import javax.servlet.DispatcherType;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.servlet.FilterHolder;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;

/** The filter of {@code javax.servlet} in Jetty 9. */
public final class JettyTest {
    public static void main(String[] arguments) throws Exception {
        System.setProperty("org.eclipse.jetty.LEVEL", "WARN");
        System.setProperty("org.eclipse.jetty.util.log.announce", "false");
        Verifier verifier = new Verifier((scheme, key) -> Collections.singletonList(Wire.SECRET), FilterChecks.OPTIONS);
        ServletContextHandler context = new ServletContextHandler();
        context.addFilter(new FilterHolder(new VerifierFilter(verifier)), "/*", EnumSet.of(DispatcherType.REQUEST));
        context.addServlet(new ServletHolder(new EchoServlet()), "/*");
        Server server = new Server(new InetSocketAddress("127.0.0.1", 0));
        server.setHandler(context);
        server.start();
        FilterChecks.run(((ServerConnector) server.getConnectors()[0]).getLocalPort());
        Wire.end("the filter in Jetty 9");
    }
}
