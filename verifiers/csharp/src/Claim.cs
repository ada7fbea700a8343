using System;
using System.Linq;
using System.Text;

namespace Countersign
{
    /// <summary>What a signature header says, read strictly. Whether that is true is decided elsewhere.</summary>
    internal sealed class Claim
    {
        // Refuses what is no UTF-8 instead of replacing it.
        private static readonly Encoding Utf8 = new UTF8Encoding(false, true);

        internal Scheme Scheme { get; private set; }

        internal string Key { get; private set; }

        /// <summary>With HMAC: in lower case, ascending, none twice.</summary>
        internal string[] SignedHeaders { get; private set; }

        /// <summary>With HMAC: in hex, as sent. With Basic: the password.</summary>
        internal byte[] Proof { get; private set; }

        /// <summary>Reads one of the two forms; anything else is null.</summary>
        internal static Claim Parse(string value)
        {
            string text;
            try
            {
                text = Utf8.GetString(Text.Bytes(value.Trim(Text.WhiteSpace)));
            }
            catch (ArgumentException)
            {
                return null;
            }
            var end = text.IndexOfAny(new[] { ' ', '\t' });
            if (end < 0)
            {
                return null;
            }
            var scheme = text.Substring(0, end);
            var rest = text.Substring(end).TrimStart(Text.WhiteSpace);
            if (scheme == Canonical.Algorithm)
            {
                return ParseHmac(rest);
            }
            return Text.Lower(scheme) == "basic" ? ParseBasic(rest) : null;
        }

        private static Claim ParseHmac(string text)
        {
            var parts = text.Split(new[] { ',' }, 3);
            if (parts.Length < 3)
            {
                return null;
            }
            var key = After("Access=", parts[0]);
            var names = After("SignedHeaders=", WithoutSpace(parts[1]))?.Split(';');
            var signature = After("Signature=", WithoutSpace(parts[2]));
            if (string.IsNullOrEmpty(key) || names == null || !names.All(IsLowerCaseName) || !IsSignature(signature))
            {
                return null;
            }
            for (var at = 1; at < names.Length; at++)
            {
                if (string.CompareOrdinal(names[at - 1], names[at]) >= 0)
                {
                    return null;
                }
            }
            return new Claim
            {
                Scheme = Scheme.Hmac, Key = key, SignedHeaders = names, Proof = Text.Bytes(signature),
            };
        }

        private static Claim ParseBasic(string text)
        {
            try
            {
                var credentials = Convert.FromBase64String(text);
                var colon = Array.IndexOf(credentials, (byte)':');
                // .NET forgives white space and stray bits; what is written again has none.
                if (colon < 0 || Convert.ToBase64String(credentials) != text)
                {
                    return null;
                }
                var key = Utf8.GetString(credentials, 0, colon);
                return new Claim { Scheme = Scheme.Basic, Key = key, Proof = credentials.Skip(colon + 1).ToArray() };
            }
            catch (FormatException)
            {
                return null;
            }
            catch (ArgumentException)
            {
                return null;
            }
        }

        private static string After(string prefix, string text) =>
            text.StartsWith(prefix, StringComparison.Ordinal) ? text.Substring(prefix.Length) : null;

        /// <summary>One space may follow a comma.</summary>
        private static string WithoutSpace(string text) =>
            text.StartsWith(" ", StringComparison.Ordinal) ? text.Substring(1) : text;

        private static bool IsSignature(string text) =>
            text != null && text.Length == 64 && text.All(one => Text.IsDigit(one) || (one >= 'a' && one <= 'f'));

        /// <summary>A header name by RFC 9110, without upper-case letters.</summary>
        private static bool IsLowerCaseName(string name) =>
            name.Length > 0 && name.All(one =>
                (Text.IsLetterOrDigit(one) && !(one >= 'A' && one <= 'Z')) || "!#$%&'*+-.^_`|~".IndexOf(one) >= 0);
    }
}
