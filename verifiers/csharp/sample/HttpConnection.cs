using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;

/// <summary>What a client sent is no HTTP/1.1, or did not arrive whole.</summary>
public sealed class BadRequestException : IOException
{
    public BadRequestException(string message)
        : base(message)
    {
    }
}

/// <summary>
/// Reads HTTP/1.1 requests off a connection and hands over exactly what came: the target undecoded, all headers in
/// order, repeated ones repeated. <c>HttpListener</c> does not.
/// </summary>
public sealed class HttpConnection
{
    private const int HeadBytesMax = 128 * 1024;
    private const int DrainedBytesMax = 16 * 1024 * 1024;

    private readonly Stream stream;
    private int headBytes;

    public HttpConnection(Stream stream)
    {
        // Written to directly: what reads and what writes do not share a buffer.
        this.stream = stream;
        Input = new BufferedStream(stream, 16 * 1024);
    }

    public string Method { get; private set; }

    public string Target { get; private set; }

    public List<KeyValuePair<string, string>> Headers { get; private set; }

    public Stream Body { get; private set; }

    internal Stream Input { get; }

    /// <summary>Whether another request may follow on the connection.</summary>
    public bool KeepsAlive { get; private set; }

    /// <summary>Reads the next request's head; false at the connection's end.</summary>
    public bool ReadHead()
    {
        headBytes = 0;
        KeepsAlive = false;
        var line = ReadLine();
        if (line == null)
        {
            return false;
        }
        var parts = line.Split(' ');
        if (parts.Length != 3 || !IsToken(parts[0]) || parts[1] == "" || !parts[2].StartsWith("HTTP/1.", StringComparison.Ordinal))
        {
            throw new BadRequestException("the request line is none");
        }
        Method = parts[0];
        Target = parts[1];
        Headers = new List<KeyValuePair<string, string>>();
        while ((line = ReadLine()) != "")
        {
            var colon = line == null ? -1 : line.IndexOf(':');
            if (colon < 0 || !IsToken(line.Substring(0, colon)))
            {
                throw new BadRequestException("a header is none");
            }
            Headers.Add(new KeyValuePair<string, string>(line.Substring(0, colon), line.Substring(colon + 1).Trim(' ', '\t')));
        }
        Frame();
        KeepsAlive = parts[2] == "HTTP/1.1" && !Values("connection").Any(value => Is(value, "close"));
        return true;
    }

    public void Answer(int status, string phrase, byte[] body)
    {
        // A client that was never told to send its body, or sends more than is worth reading, is left.
        KeepsAlive = KeepsAlive && Drain();
        var head = $"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n"
            + (KeepsAlive ? "\r\n" : "Connection: close\r\n\r\n");
        var answer = Encoding.ASCII.GetBytes(head).Concat(Method == "HEAD" ? new byte[0] : body).ToArray();
        stream.Write(answer, 0, answer.Length);
        stream.Flush();
    }

    /// <summary>Nothing more is read of what did not come as it should.</summary>
    public void GiveUp() => KeepsAlive = false;

    public void Continue()
    {
        var line = Encoding.ASCII.GetBytes("HTTP/1.1 100 Continue\r\n\r\n");
        stream.Write(line, 0, line.Length);
    }

    /// <summary>A line without its end, its bytes as characters; null at the connection's end.</summary>
    internal string ReadLine()
    {
        var line = new StringBuilder();
        for (int one; (one = Input.ReadByte()) != '\n'; line.Append((char)one))
        {
            if (one < 0)
            {
                return line.Length == 0 ? (string)null : throw new BadRequestException("a line has no end");
            }
            if (++headBytes > HeadBytesMax)
            {
                throw new BadRequestException($"the head has more than {HeadBytesMax} bytes");
            }
        }
        if (line.Length > 0 && line[line.Length - 1] == '\r')
        {
            line.Length--;
        }
        var text = line.ToString();
        // Lines that others may end elsewhere are not guessed at.
        return text.IndexOfAny(new[] { '\r', '\0' }) < 0 ? text : throw new BadRequestException("a line holds CR or NUL");
    }

    /// <summary>Forgets the limit of the head, once for every chunk.</summary>
    internal void BeginChunk() => headBytes = 0;

    private void Frame()
    {
        var lengths = Values("content-length").ToArray();
        var codings = Values("transfer-encoding").ToArray();
        var waits = Values("expect").Any(value => Is(value, "100-continue"));
        if (lengths.Length + codings.Length > 1)
        {
            throw new BadRequestException("the body's length is told twice");
        }
        if (codings.Length == 1)
        {
            Body = Is(codings[0], "chunked") ? new HttpBody(this, null, waits)
                : throw new BadRequestException("the only transfer coding is chunked");
            return;
        }
        long length = 0;
        if (lengths.Length == 1 && !long.TryParse(lengths[0], NumberStyles.None, CultureInfo.InvariantCulture, out length))
        {
            throw new BadRequestException("the content's length is no number");
        }
        Body = new HttpBody(this, length, waits && length > 0);
    }

    private bool Drain()
    {
        var body = (HttpBody)Body;
        var buffer = new byte[16 * 1024];
        for (var drained = 0; !body.IsWaitedFor && drained <= DrainedBytesMax;)
        {
            var length = body.Read(buffer, 0, buffer.Length);
            if (length == 0)
            {
                return true;
            }
            drained += length;
        }
        return false;
    }

    private IEnumerable<string> Values(string name) =>
        Headers.Where(header => Is(header.Key, name)).Select(header => header.Value);

    private static bool Is(string text, string expected) =>
        string.Equals(text, expected, StringComparison.OrdinalIgnoreCase);

    private static bool IsToken(string text) => text.Length > 0 && text.All(one =>
        (one >= '0' && one <= '9') || (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z')
            || "!#$%&'*+-.^_`|~".IndexOf(one) >= 0);
}
