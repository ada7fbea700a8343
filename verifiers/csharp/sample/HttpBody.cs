using System;
using System.Globalization;
using System.IO;

/// <summary>A request's body as it comes, by length or in chunks; breaks where it breaks off.</summary>
internal sealed class HttpBody : Stream
{
    private readonly HttpConnection connection;
    private readonly bool isChunked;
    private long left;
    private bool isBegun;
    private bool isEnded;

    /// <param name="connection">Where it comes from.</param>
    /// <param name="length">Null where it comes in chunks.</param>
    /// <param name="isWaitedFor">Whether the client sends it only when told to.</param>
    internal HttpBody(HttpConnection connection, long? length, bool isWaitedFor)
    {
        this.connection = connection;
        isChunked = length == null;
        left = length ?? 0;
        IsWaitedFor = isWaitedFor;
    }

    internal bool IsWaitedFor { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        if (IsWaitedFor)
        {
            IsWaitedFor = false;
            connection.Continue();
        }
        if (isChunked && left == 0 && !isEnded)
        {
            BeginChunk();
        }
        if (left == 0 || count == 0)
        {
            return 0;
        }
        var length = connection.Input.Read(buffer, offset, (int)Math.Min(count, left));
        if (length <= 0)
        {
            throw new BadRequestException("the body did not arrive whole");
        }
        left -= length;
        return length;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private void BeginChunk()
    {
        connection.BeginChunk();
        if (isBegun && connection.ReadLine() != "")
        {
            throw new BadRequestException("a chunk is longer than it says");
        }
        isBegun = true;
        var size = (connection.ReadLine() ?? "").Split(';')[0].Trim(' ', '\t');
        // Fifteen digits, so that no size is negative.
        if (size.Length > 15
            || !long.TryParse(size, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out left))
        {
            throw new BadRequestException("a chunk's size is no number");
        }
        if (left > 0)
        {
            return;
        }
        isEnded = true;
        string trailer;
        while ((trailer = connection.ReadLine()) != "")
        {
            if (trailer == null)
            {
                throw new BadRequestException("the body did not arrive whole");
            }
        }
    }
}
