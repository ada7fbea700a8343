package countersign.verify.jakarta;

import countersign.verify.FilterChecks;
import countersign.verify.Verifier;
import countersign.verify.Wire;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.logging.LogManager;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;

/** The filter of {@code jakarta.servlet} in Tomcat 10. */
public final class TomcatTest {
    public static void main(String[] arguments) throws Exception {
        LogManager.getLogManager().reset();
        Verifier verifier = new Verifier((scheme, key) -> Collections.singletonList(Wire.SECRET), FilterChecks.OPTIONS);
        Path base = Files.createTempDirectory("tomcat");
        base.toFile().deleteOnExit();
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(base.toString());
        tomcat.setHostname("127.0.0.1");
        tomcat.setPort(0);
        Context context = tomcat.addContext("", base.toString());
        FilterDef filter = new FilterDef();
        filter.setFilterName("verifier");
        filter.setFilter(new VerifierFilter(verifier));
        context.addFilterDef(filter);
        FilterMap map = new FilterMap();
        map.setFilterName("verifier");
        map.addURLPattern("/*");
        context.addFilterMap(map);
        Tomcat.addServlet(context, "echo", new EchoServlet());
        context.addServletMappingDecoded("/*", "echo");
        tomcat.getConnector();
        tomcat.start();
        FilterChecks.run(tomcat.getConnector().getLocalPort());
        Wire.end("the filter in Tomcat 10");
    }
}
