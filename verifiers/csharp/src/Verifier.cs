using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Countersign
{
    /// <summary>
    /// Says whether a request that arrived is the one that was signed. May be used by many threads at once.
    /// </summary>
    public sealed class Verifier
    {
        private const string DateHeader = "x-sdk-date";
        private const string ContentHeader = "x-sdk-content-sha256";
        private const string UnsignedPayload = "UNSIGNED-PAYLOAD";
        private const int PieceBytes = 64 * 1024;

        private readonly Func<Scheme, string, CancellationToken, Task<IEnumerable<string>>> lookup;
        private readonly string signatureHeader;
        private readonly long clockSkewSecondsMax;
        private readonly string[] requiredHeaders;
        private readonly bool unsignedPayloadAllowed;
        private readonly long bodyBytesMax;
        private readonly IReplayGuard replayGuard;
        private readonly Func<DateTimeOffset> clock;

        /// <param name="lookup">Gives the secrets of a key: several while one replaces another, none or null where the
        /// key is unknown or is not one of that scheme. What it throws is passed on.</param>
        /// <param name="options">By default as <see cref="VerifierOptions"/> says.</param>
        public Verifier(Func<Scheme, string, IEnumerable<string>> lookup, VerifierOptions options = null)
            : this((scheme, key, _) => Task.FromResult(lookup(scheme, key)), options)
        {
            if (lookup == null)
            {
                throw new ArgumentNullException(nameof(lookup));
            }
        }

        /// <summary>The same with a lookup that takes its time.</summary>
        public Verifier(
            Func<Scheme, string, CancellationToken, Task<IEnumerable<string>>> lookup, VerifierOptions options = null)
        {
            options = options ?? new VerifierOptions();
            this.lookup = lookup ?? throw new ArgumentNullException(nameof(lookup));
            signatureHeader = Text.Lower(options.SignatureHeader);
            clockSkewSecondsMax = options.ClockSkewMax.Ticks / TimeSpan.TicksPerSecond;
            requiredHeaders = new[] { "host" }.Concat(options.RequiredHeaders.Select(Text.Lower)).ToArray();
            unsignedPayloadAllowed = options.UnsignedPayloadAllowed;
            bodyBytesMax = options.BodyBytesMax;
            replayGuard = options.ReplayGuard;
            clock = options.Clock;
        }

        /// <summary>
        /// Says who signed the request. Where its body had to be read, the request has another that gives it once more.
        /// </summary>
        /// <exception cref="RefusedException">Nobody is to be believed to have signed it. Whatever else is thrown comes
        /// from the lookup, the replay guard or the body, and is no acceptance either.</exception>
        public async Task<Verified> VerifyAsync(
            Request request, CancellationToken cancellationToken = default(CancellationToken))
        {
            var headers = ByName(request.Headers);
            var claim = ReadClaim(headers);
            var found = await lookup(claim.Scheme, claim.Key, cancellationToken).ConfigureAwait(false);
            // An empty secret, from a variable that is not set, would let everybody in.
            var secrets = (found ?? new string[0]).Where(secret => !string.IsNullOrEmpty(secret)).ToArray();
            if (secrets.Length == 0)
            {
                throw new RefusedException(
                    Reason.UnknownKey, "the verifier knows no secret for the key that the request names");
            }
            if (claim.Scheme == Scheme.Basic)
            {
                if (!Proofs.AnyIsPassword(secrets, claim.Proof))
                {
                    throw Mismatch("the secret differs");
                }
                return new Verified(claim.Key, Scheme.Basic, false);
            }
            return await VerifyHmacAsync(request, headers, claim, secrets, cancellationToken).ConfigureAwait(false);
        }

        private async Task<Verified> VerifyHmacAsync(
            Request request, Dictionary<string, List<string>> headers, Claim claim, string[] secrets,
            CancellationToken cancellationToken)
        {
            var signed = ReadSignedHeaders(headers, claim);
            long expiresAt; // declared in the call, it would break Mono's compiler
            var date = ReadDate(signed, out expiresAt);
            var sentPayload = ReadPayload(headers);
            var payloadSigned = sentPayload != UnsignedPayload;
            string bodyHash = null;
            if (payloadSigned)
            {
                var body = await ReadBodyAsync(request.Body, cancellationToken).ConfigureAwait(false);
                request.Body = new MemoryStream(body, false);
                bodyHash = Text.HexSha256(body);
            }
            var payload = sentPayload ?? bodyHash;
            var method = Text.AsReceived(request.Method);
            var canonical = Canonical.Request(method, Text.AsReceived(request.Target), signed, payload);
            if (!Proofs.AnyIsSignature(secrets, Canonical.StringToSign(date, canonical), claim.Proof))
            {
                throw Mismatch(
                    "the secret differs, or the method, path, query, a signed header or the body was changed on the way");
            }
            if (payloadSigned && Text.Lower(payload) != bodyHash)
            {
                throw new RefusedException(
                    Reason.BodyMismatch, $"the body is not the one whose hash `{ContentHeader}` carries");
            }
            if (replayGuard != null)
            {
                var signature = Text.OfBytes(claim.Proof);
                var asked = replayGuard.IsNewAsync(claim.Key, signature, expiresAt, cancellationToken);
                if (!await asked.ConfigureAwait(false))
                {
                    throw new RefusedException(Reason.Replayed, "the signature was used before");
                }
            }
            return new Verified(claim.Key, Scheme.Hmac, payloadSigned);
        }

        private static Dictionary<string, List<string>> ByName(IEnumerable<KeyValuePair<string, string>> headers)
        {
            var found = new Dictionary<string, List<string>>(StringComparer.Ordinal);
            foreach (var header in headers)
            {
                var name = Text.Lower(header.Key ?? "");
                if (!found.TryGetValue(name, out var values))
                {
                    found[name] = values = new List<string>();
                }
                values.Add(Text.AsReceived(header.Value ?? ""));
            }
            return found;
        }

        private Claim ReadClaim(Dictionary<string, List<string>> headers)
        {
            if (!headers.TryGetValue(signatureHeader, out var values))
            {
                throw new RefusedException(
                    Reason.MissingAuthorization,
                    $"the request has no {signatureHeader} header; only requests through the gateway are accepted");
            }
            return (values.Count == 1 ? Claim.Parse(values[0]) : null) ?? throw new RefusedException(
                Reason.MalformedAuthorization,
                $"the {signatureHeader} header is sent twice, or is neither `SDK-HMAC-SHA256 Access=…, "
                    + "SignedHeaders=…, Signature=…` nor `Basic …`");
        }

        private List<KeyValuePair<string, string>> ReadSignedHeaders(
            Dictionary<string, List<string>> headers, Claim claim)
        {
            var signed = new List<KeyValuePair<string, string>>();
            foreach (var name in claim.SignedHeaders)
            {
                if (headers.TryGetValue(name, out var values))
                {
                    signed.Add(new KeyValuePair<string, string>(name, Single(name, values)));
                }
                else if (name != DateHeader) // whose absence has a reason of its own
                {
                    throw new RefusedException(
                        Reason.SignedHeaderMissing,
                        $"the header `{name}` is among the signed headers, but the request does not carry it");
                }
            }
            var unsigned = requiredHeaders.FirstOrDefault(name => !claim.SignedHeaders.Contains(name));
            if (unsigned != null)
            {
                throw new RefusedException(
                    Reason.SignedHeaderMissing,
                    $"the header `{unsigned}` must be signed, but the signed headers do not name it");
            }
            return signed;
        }

        private string ReadDate(List<KeyValuePair<string, string>> signed, out long expiresAt)
        {
            var date = signed.FirstOrDefault(header => header.Key == DateHeader).Value?.Trim(Text.WhiteSpace);
            if (date == null)
            {
                throw new RefusedException(
                    Reason.DateMissingOrUnsigned, $"the request carries no `{DateHeader}`, or does not sign it");
            }
            if (!SdkDate.TryParse(date, out var signedAt))
            {
                throw new RefusedException(
                    Reason.DateMalformed, $"the `{DateHeader}` is no moment in the form YYYYMMDDTHHMMSSZ");
            }
            var ahead = signedAt - clock().ToUnixTimeSeconds();
            if (Math.Abs(ahead) > clockSkewSecondsMax)
            {
                var side = ahead > 0 ? "ahead of this clock" : "ago";
                throw new RefusedException(
                    Reason.ClockSkew,
                    $"the request was signed {Math.Abs(ahead)} s {side}, more than the {clockSkewSecondsMax} s allowed; "
                        + "compare the clocks");
            }
            expiresAt = signedAt + clockSkewSecondsMax;
            return date;
        }

        /// <summary>What is sent as the body's hash, or null.</summary>
        private string ReadPayload(Dictionary<string, List<string>> headers)
        {
            if (!headers.TryGetValue(ContentHeader, out var values))
            {
                return null;
            }
            var payload = Single(ContentHeader, values).Trim(Text.WhiteSpace);
            if (payload == UnsignedPayload && !unsignedPayloadAllowed)
            {
                throw new RefusedException(
                    Reason.UnsignedPayload,
                    "the signature does not cover the body, and this verifier asks that it does");
            }
            return payload;
        }

        /// <summary>Reads to the end, or one byte further than the limit.</summary>
        private async Task<byte[]> ReadBodyAsync(Stream body, CancellationToken cancellationToken)
        {
            var read = new MemoryStream();
            var piece = new byte[PieceBytes];
            while (read.Length <= bodyBytesMax)
            {
                var room = (int)Math.Min(bodyBytesMax - read.Length, PieceBytes - 1) + 1;
                var length = await body.ReadAsync(piece, 0, room, cancellationToken).ConfigureAwait(false);
                if (length <= 0)
                {
                    return read.ToArray();
                }
                read.Write(piece, 0, length);
            }
            throw new RefusedException(Reason.BodyTooLarge, $"the body is larger than {bodyBytesMax} bytes");
        }

        private static string Single(string name, List<string> values) =>
            values.Count == 1 ? values[0] : throw new RefusedException(
                Reason.SignedHeaderRepeated,
                $"the header `{name}` is sent twice, so it cannot be told which one was signed");

        private static RefusedException Mismatch(string why) =>
            new RefusedException(Reason.SignatureMismatch, "the signature does not fit the request: " + why);
    }
}
