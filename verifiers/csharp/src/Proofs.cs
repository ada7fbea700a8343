using System.Collections.Generic;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;

namespace Countersign
{
    /// <summary>
    /// Compares what was sent with what the secrets make, all of them, in constant time. The one place that turns
    /// secrets into bytes.
    /// </summary>
    internal static class Proofs
    {
        internal static bool AnyIsPassword(IEnumerable<string> secrets, byte[] sent)
        {
            var isFound = false;
            foreach (var secret in secrets)
            {
                isFound |= AreEqual(Encoding.UTF8.GetBytes(secret), sent);
            }
            return isFound;
        }

        internal static bool AnyIsSignature(IEnumerable<string> secrets, string text, byte[] sent)
        {
            var bytes = Text.Bytes(text);
            var isFound = false;
            foreach (var secret in secrets)
            {
                using (var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(secret)))
                {
                    isFound |= AreEqual(Text.Bytes(Text.Hex(hmac.ComputeHash(bytes))), sent);
                }
            }
            return isFound;
        }

        /// <summary>
        /// Takes as long as what was sent is long, wherever the two differ; <c>CryptographicOperations</c> is younger
        /// than netstandard2.0.
        /// </summary>
        [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.NoOptimization)]
        internal static bool AreEqual(byte[] known, byte[] sent)
        {
            var difference = known.Length ^ sent.Length;
            for (var at = 0; at < sent.Length && known.Length > 0; at++)
            {
                difference |= known[at % known.Length] ^ sent[at];
            }
            return difference == 0;
        }
    }
}
