using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Threading;
using Countersign;

/// <summary>The sample server and the program of the README, as processes.</summary>
internal static class ProcessTests
{
    internal static void SampleServer(string folder)
    {
        var secretFile = Path.GetTempFileName();
        File.WriteAllText(secretFile, Signing.Secret + "\n");
        using (var server = Start(folder, $"sample-server.exe --port 0 --key {Signing.Key} --secret-file {secretFile}"))
        using (var client = new RawClient(server.Process.StandardOutput.ReadLine().Split(' ')[2]))
        {
            foreach (var method in new[] { "GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "M-SEARCH", "get" })
            {
                foreach (var target in new[] { "/", "*", "//a//b", "/a%2Fb%zz?x=+%20&&=y&x", "/raw\u00e9/./..?q={}|" })
                {
                    client.Send(method, target, "", "\r\n", "");
                    Tests.Equal(client.Status, 200, client.Answer);
                    Tests.Equal($"{client.Fields["method"]} {client.Fields["target"]}", $"{method} {target}");
                }
            }
            Tests.Equal(client.Send("HEAD", "/", "", "\r\n", "").Status, 200, "HEAD");
            Bodies(client);
            Repeated(client);
            client.Send("POST", "/", "abc", "Content-Length: 3\r\n\r\n", "abd");
            Tests.Equal($"{client.Status} {client.Fields["reason"]}", "401 SIGNATURE_MISMATCH");
            client.Send("GET", "/", "", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\n\r\n");
            Tests.Equal(client.Status, 400, "two lengths");
        }
        File.Delete(secretFile);
    }

    /// <summary>The first program of the README, as it stands there.</summary>
    internal static void Readme(string folder)
    {
        var port = ListenerTests.FreePort();
        var host = "127.0.0.1:" + port;
        using (Start(folder, "Hello.exe", port.ToString()))
        using (var client = Connect(host))
        {
            client.Send("POST", "/a?b", "abc", "Content-Length: 3\r\n\r\n", "abc");
            Tests.Equal($"{client.Status} {client.Answer}", $"200 hello, {Signing.Key}\n");
            client.Send("POST", "/a?b", "abc", "Content-Length: 3\r\n\r\n", "abd");
            Tests.Equal($"{client.Status} {client.Fields["reason"]}", "401 SIGNATURE_MISMATCH");
        }
    }

    private static void Bodies(RawClient client)
    {
        var large = string.Concat(Enumerable.Repeat("\0\u00ff\r\n", 1 << 18));
        var length = $"Content-Length: {large.Length}\r\n";
        var chunks = "100000\r\n" + large + "\r\n0\r\nTrailer: x\r\n\r\n";
        client.Send("POST", "/", large, length + "\r\n", large);
        Check(client, large, "with a length");
        client.Send("POST", "/", large, "Transfer-Encoding: chunked\r\n\r\n", chunks);
        Check(client, large, "in chunks");
        client.Send("POST", "/", large, "Expect: 100-continue\r\n" + length + "\r\n", large);
        Check(client, large, "when asked for");
        client.Send("POST", "/", "other", length + "\r\n", large);
        Tests.Equal(client.Status, 401, "another body");
    }

    private static void Repeated(RawClient client)
    {
        client.Send("GET", "/", "", "X-A: 1\r\nx-a: \u00e9\r\n\r\n", "");
        var headers = ((List<object>)client.Fields["headers"]).Cast<List<object>>().Select(pair => $"{pair[0]}={pair[1]}");
        Tests.Equal(string.Join(" ", headers).EndsWith("X-A=1 x-a=\u00e9", StringComparison.Ordinal), true, client.Answer);
        client.Send("GET", "/", "", "X-SDK-Date: 1\r\n\r\n", "");
        Tests.Equal($"{client.Status} {client.Fields["reason"]}", "401 SIGNED_HEADER_REPEATED");
    }

    private static void Check(RawClient client, string body, string what)
    {
        Tests.Equal(client.Status, 200, what + client.Answer);
        Tests.Equal(client.Fields["body_bytes"], (long)body.Length, what);
        Tests.Equal(client.Fields["body_sha256"], Text.HexSha256(Text.Bytes(body)), what);
    }

    private static RawClient Connect(string host)
    {
        for (var deadline = Stopwatch.StartNew(); ; Thread.Sleep(20))
        {
            try
            {
                return new RawClient(host);
            }
            catch (SocketException) when (deadline.Elapsed < TimeSpan.FromSeconds(20))
            {
                // Not there yet.
            }
        }
    }

    private static Running Start(string folder, string command, string port = "")
    {
        var start = new ProcessStartInfo("mono", command)
        {
            WorkingDirectory = folder + "/build", RedirectStandardOutput = true, UseShellExecute = false,
        };
        start.EnvironmentVariables["PORT"] = port;
        return new Running(Process.Start(start));
    }

    private sealed class Running : IDisposable
    {
        internal Running(Process process)
        {
            Process = process;
        }

        internal Process Process { get; }

        public void Dispose()
        {
            Process.Kill();
            Process.WaitForExit();
        }
    }
}
