using System;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Countersign;

/// <summary>The verifier before a handler of HttpListener, over a socket.</summary>
internal static class ListenerTests
{
    private static bool isStoreGone;
    private static Exception thrown;

    internal static void Run()
    {
        var host = "127.0.0.1:" + FreePort();
        var listener = new HttpListener { Prefixes = { $"http://{host}/" } };
        listener.Start();
        var options = new VerifierOptions { BodyBytesMax = 1 << 20 };
        var verifier = new Verifier(
            (scheme, key) => isStoreGone ? throw new TimeoutException() : new[] { Signing.Secret }, options);
        var serving = new Thread(() => Serve(listener, verifier)) { IsBackground = true };
        serving.Start();
        using (var client = new RawClient(host))
        {
            foreach (var method in new[] { "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "get" })
            {
                foreach (var target in new[] { "/", "//a//b", "/a%2Fb%zz?x=+%20&&=y&x", "/a/../b/./c", "/raw\u00e9?q={}|", "/%00?%zz" })
                {
                    client.Send(method, target, "abc", "Content-Length: 3\r\n\r\n", "abc");
                    Tests.Equal($"{client.Status} {client.Answer}", $"200 {Signing.Key} abc", $"{method} {target}");
                    client.Send(method, target, "abc", "Content-Length: 3\r\n\r\n", "abd");
                    Tests.Equal(client.Status, 401, $"{method} {target} with another body");
                    Tests.Equal(client.Fields["reason"], "SIGNATURE_MISMATCH");
                }
            }
            client.Send("POST", "/", "abcde", "Transfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n");
            Tests.Equal(client.Answer, Signing.Key + " abcde", "chunks");
            client.Send("HEAD", "/", "abc", "Content-Length: 3\r\n\r\n", "abd");
            Tests.Equal(client.Status, 401, "HEAD");
            // Only the last of repeated headers is there: nothing can be put behind what was signed.
            client.Send("GET", "/", "", "X-Sdk-Date: 1\r\n\r\n", "");
            Tests.Equal(client.Fields["reason"], "DATE_MALFORMED");
            client.Send("GET", "/", "", "Host: " + host + "0\r\n\r\n", "");
            Tests.Equal(client.Status >= 400, true, "another host");
        }
        using (var client = new RawClient(host))
        {
            var large = new string('x', (1 << 20) + 1);
            client.Send("POST", "/", large, $"Content-Length: {large.Length}\r\n\r\n", large);
            Tests.Equal(client.Status, 413);
        }
        ALookupThatThrowsIsNoAcceptance(host);
        listener.Stop();
        Tests.Equal(serving.Join(20000), true, "stopped");
        Tests.Equal(thrown?.GetType(), typeof(TimeoutException), "passed on");
    }

    private static void ALookupThatThrowsIsNoAcceptance(string host)
    {
        isStoreGone = true;
        using (var client = new RawClient(host))
        {
            try
            {
                Tests.Equal(client.Send("GET", "/", "", "\r\n", "").Status, 500);
            }
            catch (IOException)
            {
                // The connection was closed, which is no acceptance either.
            }
        }
    }

    private static void Serve(HttpListener listener, Verifier verifier)
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = listener.GetContext();
            }
            catch (Exception)
            {
                return; // stopped
            }
            try
            {
                verifier.HandleAsync(context, (verified, body) => Echo(context, verified, body)).GetAwaiter().GetResult();
            }
            catch (Exception error)
            {
                thrown = error;
            }
        }
    }

    private static async Task Echo(HttpListenerContext context, Verified verified, Stream body)
    {
        var read = new MemoryStream();
        await body.CopyToAsync(read);
        var answer = Encoding.UTF8.GetBytes(verified.Key + " " + Encoding.UTF8.GetString(read.ToArray()));
        context.Response.Close(answer, false);
    }

    internal static int FreePort()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        return port;
    }
}
