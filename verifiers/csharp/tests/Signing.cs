using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Countersign;

/// <summary>A signer for tests, and a client that sends what it signed exactly as it is written.</summary>
internal static class Signing
{
    internal const string Key = "signature_key1";
    internal const string Secret = "signature_secret1";
    internal const string Date = "20261123T120000Z";
    internal static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1795435200);

    internal static string Today => DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);

    /// <summary>The headers of a signed request.</summary>
    internal static Dictionary<string, string> Headers(
        string method, string target, string body, string host = "backend", string date = Date)
    {
        var signed = new Dictionary<string, string> { ["host"] = host, ["x-sdk-date"] = date };
        var canonical = Canonical.Request(method, target, signed.ToList(), Text.HexSha256(Text.Bytes(body)));
        using (var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(Secret)))
        {
            var signature = Text.Hex(hmac.ComputeHash(Text.Bytes(Canonical.StringToSign(date, canonical))));
            signed["Authorization"] =
                $"SDK-HMAC-SHA256 Access={Key}, SignedHeaders=host;x-sdk-date, Signature={signature}";
        }
        return signed;
    }
}

/// <summary>A connection over which requests are sent as they are written.</summary>
internal sealed class RawClient : IDisposable
{
    private readonly TcpClient client;
    private readonly Stream stream;
    private readonly string host;

    internal RawClient(string host)
    {
        this.host = host;
        var parts = host.Split(':');
        client = new TcpClient(parts[0], int.Parse(parts[1])) { NoDelay = true, ReceiveTimeout = 20000 };
        stream = client.GetStream();
    }

    internal int Status { get; private set; }

    internal string Answer { get; private set; }

    internal Dictionary<string, object> Fields => Json.Read(Answer);

    /// <summary>Signs a request of this body, and sends what is given here in its place.</summary>
    internal RawClient Send(string method, string target, string body, string head, string rest)
    {
        var lines = Signing.Headers(method, target, body, host, Signing.Today).Select(header => $"{header.Key}: {header.Value}\r\n");
        Write($"{method} {target} HTTP/1.1\r\n{string.Concat(lines)}{head}");
        if (head.Contains("100-continue"))
        {
            ReadHead();
            Tests.Equal(Status, 100, "Expect");
        }
        Write(rest);
        var headers = ReadHead();
        Answer = method == "HEAD" ? "" : ReadBody(headers);
        return this;
    }

    public void Dispose() => client.Close();

    private void Write(string text)
    {
        var bytes = Text.Bytes(text);
        stream.Write(bytes, 0, bytes.Length);
    }

    private List<string> ReadHead()
    {
        Status = int.Parse(ReadLine().Split(' ')[1]);
        var headers = new List<string>();
        for (string line; (line = ReadLine()) != "";)
        {
            headers.Add(line.ToLowerInvariant());
        }
        return headers;
    }

    private string ReadBody(List<string> headers)
    {
        const string length = "content-length: ";
        var known = headers.FirstOrDefault(line => line.StartsWith(length, StringComparison.Ordinal));
        if (known != null)
        {
            return Read(int.Parse(known.Substring(length.Length)));
        }
        var body = new StringBuilder();
        for (int size; (size = int.Parse(ReadLine(), NumberStyles.HexNumber)) > 0;)
        {
            body.Append(Read(size));
            ReadLine();
        }
        ReadLine();
        return body.ToString();
    }

    private string Read(int length)
    {
        var bytes = new byte[length];
        for (var at = 0; at < length;)
        {
            var read = stream.Read(bytes, at, length - at);
            at += read > 0 ? read : throw new IOException("the answer did not arrive whole");
        }
        return Encoding.UTF8.GetString(bytes);
    }

    private string ReadLine()
    {
        var line = new StringBuilder();
        for (int one; (one = stream.ReadByte()) != '\n'; line.Append((char)one))
        {
            if (one < 0)
            {
                throw new IOException("the answer did not arrive whole");
            }
        }
        return line.ToString().TrimEnd('\r');
    }
}
