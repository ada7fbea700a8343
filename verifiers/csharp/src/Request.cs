using System.Collections.Generic;
using System.IO;

namespace Countersign
{
    /// <summary>
    /// A request as it arrived. In the target and in header values a character below U+0100 stands for one byte, as
    /// servers decode them by ISO-8859-1; text with others is taken as UTF-8.
    /// </summary>
    public sealed class Request
    {
        /// <param name="method">In any case.</param>
        /// <param name="target">Path and query as received, nothing decoded, without scheme and authority.</param>
        /// <param name="headers">Pairs, names in any case, repeated ones repeated; over HTTP/2 with <c>host</c> from
        /// <c>:authority</c>.</param>
        /// <param name="body">Null where there is none.</param>
        public Request(
            string method, string target, IEnumerable<KeyValuePair<string, string>> headers, Stream body = null)
        {
            Method = method ?? "";
            Target = target ?? "";
            Headers = headers ?? new KeyValuePair<string, string>[0];
            Body = body ?? Stream.Null;
        }

        public string Method { get; }

        public string Target { get; }

        public IEnumerable<KeyValuePair<string, string>> Headers { get; }

        /// <summary>
        /// The body. A verifier reads it only where its bytes are signed and all else is right, and then puts a stream
        /// here that gives them once more.
        /// </summary>
        public Stream Body { get; internal set; }
    }
}
