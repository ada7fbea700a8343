using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Threading;
using Countersign;

/// <summary>
/// A sample backend: verifies every request, and answers with what it saw or with the reason why not.
/// </summary>
public static class SampleServer
{
    private const int IdleMillisecondsMax = 75000;

    public static int Main(string[] arguments)
    {
        var named = new Dictionary<string, string> { ["--port"] = "9000" };
        var allowed = false;
        for (var at = 0; at < arguments.Length; at++)
        {
            if (arguments[at] == "--allow-unsigned-payload")
            {
                allowed = true;
            }
            else if (new[] { "--port", "--key", "--secret-file" }.Contains(arguments[at]) && at + 1 < arguments.Length)
            {
                named[arguments[at]] = arguments[++at];
            }
            else
            {
                named.Clear();
            }
        }
        int port;
        if (!named.ContainsKey("--key") || !named.ContainsKey("--secret-file") || !int.TryParse(named["--port"], out port))
        {
            Console.Error.WriteLine("--port 9000 --key KEY --secret-file FILE [--allow-unsigned-payload]");
            return 2;
        }
        var secrets = new[] { ReadSecret(named["--secret-file"]) };
        var options = new VerifierOptions { UnsignedPayloadAllowed = allowed };
        Serve(port, new Verifier((scheme, key) => key == named["--key"] ? secrets : null, options));
        return 0;
    }

    /// <summary>One line end after the secret is dropped.</summary>
    private static string ReadSecret(string path)
    {
        var secret = new UTF8Encoding(false, true).GetString(File.ReadAllBytes(path));
        var end = secret.EndsWith("\r\n", StringComparison.Ordinal) ? 2 : secret.EndsWith("\n", StringComparison.Ordinal) ? 1 : 0;
        return secret.Substring(0, secret.Length - end);
    }

    private static void Serve(int port, Verifier verifier)
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        Console.WriteLine("listening on " + listener.LocalEndpoint);
        while (true)
        {
            var client = listener.AcceptTcpClient();
            new Thread(() => Serve(client, verifier)) { IsBackground = true }.Start();
        }
    }

    private static void Serve(TcpClient client, Verifier verifier)
    {
        try
        {
            using (client)
            {
                client.NoDelay = true;
                client.ReceiveTimeout = IdleMillisecondsMax;
                client.SendTimeout = IdleMillisecondsMax;
                var connection = new HttpConnection(client.GetStream());
                try
                {
                    do
                    {
                        if (!connection.ReadHead())
                        {
                            return;
                        }
                        Answer(connection, verifier);
                    }
                    while (connection.KeepsAlive);
                }
                catch (BadRequestException bad)
                {
                    connection.GiveUp();
                    connection.Answer(400, "Bad Request", Encoding.UTF8.GetBytes(
                        "{\n  \"verified\": false,\n  \"reason\": \"BAD_REQUEST\",\n  \"message\": " + Quoted(bad.Message) + "\n}\n"));
                }
                LetRead(client);
            }
        }
        catch (Exception gone) when (gone is IOException || gone is SocketException)
        {
            // The client is no longer there to be told.
        }
    }

    /// <summary>Waits until the client has read the answer: to close with bytes unread would take it back.</summary>
    private static void LetRead(TcpClient client)
    {
        client.Client.Shutdown(SocketShutdown.Send);
        client.ReceiveTimeout = 2000;
        var buffer = new byte[16 * 1024];
        for (var piece = 0; piece < 1024 && client.GetStream().Read(buffer, 0, buffer.Length) > 0; piece++)
        {
        }
    }

    private static void Answer(HttpConnection connection, Verifier verifier)
    {
        var request = new Request(connection.Method, connection.Target, connection.Headers, connection.Body);
        Verified verified;
        try
        {
            verified = verifier.VerifyAsync(request).GetAwaiter().GetResult();
        }
        catch (RefusedException refused)
        {
            connection.Answer(refused.Status, refused.Status == 413 ? "Payload Too Large" : "Unauthorized", refused.ToJson());
            return;
        }
        long bodyBytes = 0;
        byte[] hash;
        using (var sha256 = SHA256.Create())
        {
            var piece = new byte[64 * 1024];
            for (int length; (length = request.Body.Read(piece, 0, piece.Length)) > 0; bodyBytes += length)
            {
                sha256.TransformBlock(piece, 0, length, piece, 0);
            }
            sha256.TransformFinalBlock(piece, 0, 0);
            hash = sha256.Hash;
        }
        var headers = request.Headers.Select(header => $"    [{Quoted(header.Key)}, {Quoted(Shown(header.Value))}]");
        connection.Answer(200, "OK", Encoding.UTF8.GetBytes(string.Join("\n",
            "{",
            "  \"verified\": true,",
            $"  \"key\": {Quoted(verified.Key)},",
            $"  \"scheme\": {Quoted(verified.SchemeName)},",
            $"  \"payload_signed\": {(verified.PayloadSigned ? "true" : "false")},",
            $"  \"method\": {Quoted(request.Method)},",
            $"  \"target\": {Quoted(request.Target)},",
            $"  \"headers\": [\n{string.Join(",\n", headers)}\n  ],",
            $"  \"body_bytes\": {bodyBytes},",
            $"  \"body_sha256\": \"{BitConverter.ToString(hash).Replace("-", "").ToLowerInvariant()}\"",
            "}\n")));
    }

    /// <summary>A header's value; a Basic one without its credentials.</summary>
    private static string Shown(string value) =>
        value.StartsWith("basic ", StringComparison.OrdinalIgnoreCase) ? "Basic (redacted)" : value;

    private static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var one in text)
        {
            quoted.Append(one < ' ' || one == '"' || one == '\\' ? $"\\u{(int)one:x4}" : one.ToString());
        }
        return quoted.Append('"').ToString();
    }
}
