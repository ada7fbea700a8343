using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Countersign
{
    /// <summary>What a verifier insists on. Read once, when the verifier is made.</summary>
    public sealed class VerifierOptions
    {
        /// <summary>The header that carries the signature.</summary>
        public string SignatureHeader { get; set; } = "authorization";

        /// <summary>How far <c>x-sdk-date</c> may lie from the clock, either way, in whole seconds; exactly that far is
        /// accepted.</summary>
        public TimeSpan ClockSkewMax { get; set; } = TimeSpan.FromMinutes(15);

        /// <summary>Headers that must be signed besides <c>host</c> and <c>x-sdk-date</c>, which always must.</summary>
        public IEnumerable<string> RequiredHeaders { get; set; } = new string[0];

        /// <summary>Whether <c>x-sdk-content-sha256: UNSIGNED-PAYLOAD</c> is good enough. Such bodies are not read, and
        /// have no limit here.</summary>
        public bool UnsignedPayloadAllowed { get; set; }

        /// <summary>The largest body that is read into memory to be hashed.</summary>
        public long BodyBytesMax { get; set; } = 12 * 1024 * 1024;

        /// <summary>Makes a signature good once; null does not.</summary>
        public IReplayGuard ReplayGuard { get; set; }

        /// <summary>The clock, replaced in tests.</summary>
        public Func<DateTimeOffset> Clock { get; set; } = () => DateTimeOffset.UtcNow;
    }

    /// <summary>
    /// Remembers signatures, in a store that all instances of a backend share. Two equal requests in one second have
    /// equal signatures, so a guard belongs before requests that must not happen twice.
    /// </summary>
    public interface IReplayGuard
    {
        /// <summary>
        /// Says whether the signature is new, and remembers it at least until <paramref name="expiresAt"/>, in Unix
        /// seconds, after which the clock refuses it anyway. Is asked last, only about requests that are right
        /// otherwise. What it throws is passed on.
        /// </summary>
        Task<bool> IsNewAsync(string key, string signature, long expiresAt, CancellationToken cancellationToken);
    }
}
