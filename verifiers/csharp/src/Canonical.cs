using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Countersign
{
    /// <summary>The canonical request and the string to sign. Never holds a secret.</summary>
    internal static class Canonical
    {
        internal const string Algorithm = "SDK-HMAC-SHA256";

        /// <summary>
        /// The one form in which signer and verifier read a request. The headers are the signed ones, names in lower
        /// case and ascending; the payload is the body's SHA-256 in hex, or the value of <c>x-sdk-content-sha256</c>
        /// where that is sent.
        /// </summary>
        internal static string Request(
            string method, string target, IReadOnlyList<KeyValuePair<string, string>> headers, string payload)
        {
            var mark = target.IndexOf('?');
            var path = mark < 0 ? target : target.Substring(0, mark);
            var query = mark < 0 ? "" : target.Substring(mark + 1);
            var lines = headers.Select(header => header.Key + ":" + header.Value.Trim(Text.WhiteSpace) + "\n");
            return string.Join(
                "\n",
                Text.Upper(method),
                Path(path),
                Query(query),
                string.Concat(lines),
                string.Join(";", headers.Select(header => header.Key)),
                payload);
        }

        /// <summary>What the HMAC is made of.</summary>
        internal static string StringToSign(string date, string canonicalRequest) =>
            Algorithm + "\n" + date + "\n" + Text.HexSha256(Text.Bytes(canonicalRequest));

        private static string Path(string path)
        {
            var escaped = Escape(Unescape(path), "/");
            return escaped.Length > 0 && escaped[escaped.Length - 1] == '/' ? escaped : escaped + "/";
        }

        private static string Query(string query)
        {
            var parameters = new List<KeyValuePair<string, string>>();
            foreach (var parameter in query.Split('&'))
            {
                var equals = parameter.IndexOf('=');
                var name = equals < 0 ? parameter : parameter.Substring(0, equals);
                if (name.Length > 0)
                {
                    var value = equals < 0 ? "" : parameter.Substring(equals + 1);
                    parameters.Add(new KeyValuePair<string, string>(Unescape(name), Unescape(value)));
                }
            }
            parameters.Sort((a, b) =>
            {
                var byName = string.CompareOrdinal(a.Key, b.Key);
                return byName != 0 ? byName : string.CompareOrdinal(a.Value, b.Value);
            });
            return string.Join("&", parameters.Select(each => Escape(each.Key, "") + "=" + Escape(each.Value, "")));
        }

        /// <summary>Byte by byte; a percent sign that begins no escape is a percent sign.</summary>
        private static string Unescape(string text)
        {
            if (text.IndexOf('%') < 0)
            {
                return text;
            }
            var plain = new StringBuilder(text.Length);
            for (var at = 0; at < text.Length; at++)
            {
                var high = text[at] == '%' && at + 2 < text.Length ? Digit(text[at + 1]) : -1;
                var low = high >= 0 ? Digit(text[at + 2]) : -1;
                plain.Append(low >= 0 ? (char)(16 * high + low) : text[at]);
                at += low >= 0 ? 2 : 0;
            }
            return plain.ToString();
        }

        private static string Escape(string text, string also)
        {
            const string digits = "0123456789ABCDEF";
            var escaped = new StringBuilder(text.Length);
            foreach (var character in text)
            {
                if (Text.IsLetterOrDigit(character) || "-_.~".IndexOf(character) >= 0 || also.IndexOf(character) >= 0)
                {
                    escaped.Append(character);
                }
                else
                {
                    escaped.Append('%').Append(digits[character >> 4]).Append(digits[character & 15]);
                }
            }
            return escaped.ToString();
        }

        private static int Digit(char character)
        {
            if (Text.IsDigit(character))
            {
                return character - '0';
            }
            var lower = character | 0x20;
            return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
        }
    }
}
