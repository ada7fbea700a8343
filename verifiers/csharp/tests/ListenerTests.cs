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
    internal static void Run()
    {
        var host = "127.0.0.1:" + FreePort();
        var listener = new HttpListener { Prefixes = { $"http://{host}/" } };
        listener.Start();
        var options = new VerifierOptions { BodyBytesMax = 1 << 20 };
        var verifier = new Verifier(
            (scheme, key) => key == "broken" ? throw new TimeoutException() : new[] { Signing.Secret }, options);
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
        }
        using (var client = new RawClient(host))
        {
            var large = new string('x', (1 << 20) + 1);
            client.Send("POST", "/", large, $"Content-Length: {large.Length}\r\n\r\n", large);
            Tests.Equal(client.Status, 413);
        }
        listener.Stop();
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
            verifier.HandleAsync(context, (verified, body) => Echo(context, verified, body)).Wait();
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
