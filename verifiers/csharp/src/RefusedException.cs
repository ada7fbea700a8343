using System;
using System.Text;

namespace Countersign
{
    /// <summary>Why a request is refused, in the order in which it is looked for.</summary>
    public enum Reason
    {
        MissingAuthorization,
        MalformedAuthorization,
        UnknownKey,
        SignedHeaderMissing,
        SignedHeaderRepeated,
        DateMissingOrUnsigned,
        DateMalformed,
        ClockSkew,
        UnsignedPayload,
        BodyTooLarge,
        SignatureMismatch,
        BodyMismatch,
        Replayed,
    }

    /// <summary>
    /// The request is not to be trusted, for exactly one reason. Carries neither a secret nor the signature that would
    /// have been right.
    /// </summary>
    public sealed class RefusedException : Exception
    {
        internal RefusedException(Reason reason, string message)
            : base(message)
        {
            Reason = reason;
        }

        public Reason Reason { get; }

        /// <summary>The reason as scripts may rely on it, such as <c>MISSING_AUTHORIZATION</c>.</summary>
        public string Code
        {
            get
            {
                var code = new StringBuilder();
                foreach (var character in Reason.ToString())
                {
                    if (character <= 'Z' && code.Length > 0)
                    {
                        code.Append('_');
                    }
                    code.Append(char.ToUpperInvariant(character));
                }
                return code.ToString();
            }
        }

        /// <summary>The HTTP status to answer with.</summary>
        public int Status => Reason == Reason.BodyTooLarge ? 413 : 401;

        /// <summary>The body to answer with, as UTF-8.</summary>
        public byte[] ToJson()
        {
            // A header's name is all that a request adds to a message, and has no control characters.
            var message = Message.Replace("\\", "\\\\").Replace("\"", "\\\"");
            return Encoding.UTF8.GetBytes(
                "{\n  \"verified\": false,\n  \"reason\": \"" + Code + "\",\n  \"message\": \"" + message + "\"\n}\n");
        }
    }
}
