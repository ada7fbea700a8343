using System.Security.Cryptography;
using System.Text;

namespace Countersign
{
    /// <summary>
    /// Text of which each character is one byte, and what is done to it. Nothing here asks for the culture, nor knows
    /// letters but ASCII's.
    /// </summary>
    internal static class Text
    {
        /// <summary>What counts as white space; without characters <c>Trim</c> would take many more.</summary>
        internal static readonly char[] WhiteSpace = { ' ', '\t', '\n', '\f', '\r' };

        /// <summary>The bytes that a server decoded, by ISO-8859-1 or else by UTF-8.</summary>
        internal static string AsReceived(string text)
        {
            foreach (var character in text)
            {
                if (character > '\u00ff')
                {
                    return OfBytes(Encoding.UTF8.GetBytes(text));
                }
            }
            return text;
        }

        internal static string OfBytes(byte[] bytes)
        {
            var characters = new char[bytes.Length];
            for (var at = 0; at < bytes.Length; at++)
            {
                characters[at] = (char)bytes[at];
            }
            return new string(characters);
        }

        internal static byte[] Bytes(string text)
        {
            var bytes = new byte[text.Length];
            for (var at = 0; at < text.Length; at++)
            {
                bytes[at] = unchecked((byte)text[at]);
            }
            return bytes;
        }

        internal static string Hex(byte[] bytes)
        {
            const string digits = "0123456789abcdef";
            var text = new StringBuilder(2 * bytes.Length);
            foreach (var one in bytes)
            {
                text.Append(digits[one >> 4]).Append(digits[one & 15]);
            }
            return text.ToString();
        }

        internal static string HexSha256(byte[] bytes)
        {
            using (var hash = SHA256.Create())
            {
                return Hex(hash.ComputeHash(bytes));
            }
        }

        internal static string Lower(string text) => Toggle(text, 'A', 'Z');

        internal static string Upper(string text) => Toggle(text, 'a', 'z');

        internal static bool IsDigit(char character) => character >= '0' && character <= '9';

        internal static bool IsLetterOrDigit(char character) =>
            IsDigit(character) || (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z');

        private static string Toggle(string text, char first, char last)
        {
            var characters = text.ToCharArray();
            for (var at = 0; at < characters.Length; at++)
            {
                if (characters[at] >= first && characters[at] <= last)
                {
                    characters[at] ^= (char)0x20;
                }
            }
            return new string(characters);
        }
    }
}
