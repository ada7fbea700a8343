// java.net.http: asks with HTTP/2 as it sees fit, which in clear is an offer to upgrade.
//
//     java Client.java CA COUNT URL…

import java.io.FileInputStream;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Version;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Client {
    public static void main(String[] args) throws Exception {
        HttpClient client = HttpClient.newBuilder().sslContext(trust(args[0])).build();
        for (String url : List.of(args).subList(2, args.length)) {
            askAll(client, URI.create(url), Integer.parseInt(args[1]));
        }
    }

    private static void askAll(HttpClient client, URI url, int count) throws Exception {
        List<CompletableFuture<HttpResponse<String>>> underWay = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            HttpRequest.Builder request = HttpRequest.newBuilder(url);
            if (number % 2 == 1) {
                request.POST(BodyPublishers.ofString("from Java"));
            }
            underWay.add(client.sendAsync(request.build(), BodyHandlers.ofString()));
        }
        for (CompletableFuture<HttpResponse<String>> each : underWay) {
            HttpResponse<String> answer = each.get();
            String version = answer.version() == Version.HTTP_2 ? "HTTP/2.0" : "HTTP/1.1";
            System.out.println(answer.statusCode() + " " + version);
        }
    }

    private static SSLContext trust(String authority) throws Exception {
        KeyStore known = KeyStore.getInstance(KeyStore.getDefaultType());
        known.load(null, null);
        try (InputStream file = new FileInputStream(authority)) {
            var certificate = CertificateFactory.getInstance("X.509").generateCertificate(file);
            known.setCertificateEntry("authority", certificate);
        }
        var managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(known);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }
}
