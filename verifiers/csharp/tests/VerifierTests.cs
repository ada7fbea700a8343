using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Countersign;

/// <summary>What the cases cannot say: lookups, guards, streams and text of several kinds.</summary>
internal static class VerifierTests
{
    internal static void Run()
    {
        SecretsOfSeveralKinds();
        WhatIsThrownIsPassedOn();
        AGuardIsToldUntilWhen();
        BodiesAreReadNoFurtherThanNeeded();
        ABodyThatIsNotSignedIsNotRead();
        NothingShowsASecret();
        ComparesAllBytes();
        ReadsDates();
        RefusesWhatIsNoUtf8();
        DependsOnNoCulture();
    }

    private static void SecretsOfSeveralKinds()
    {
        foreach (var secrets in new[] { new[] { Signing.Secret }, new[] { "other", Signing.Secret }, new[] { "", null, Signing.Secret } })
        {
            Tests.Equal(Outcome(Asked(), (scheme, key) => scheme == Scheme.Hmac && key == Signing.Key ? secrets : null), "", "several");
        }
        foreach (var secrets in new[] { null, new string[0], new[] { "" }, new string[] { null } })
        {
            Tests.Equal(Outcome(Asked(), (scheme, key) => secrets), "UNKNOWN_KEY", "none");
        }
        Tests.Equal(Outcome(new Request(null, null, null)), "MISSING_AUTHORIZATION", "nothing at all");
        var slow = new Verifier(
            async (scheme, key, cancelled) =>
            {
                await Task.Delay(1, cancelled);
                return new[] { Signing.Secret };
            },
            new VerifierOptions { Clock = () => Signing.Now });
        Tests.Equal(slow.VerifyAsync(Asked()).GetAwaiter().GetResult().Key, Signing.Key, "a lookup that takes its time");
    }

    private static void WhatIsThrownIsPassedOn()
    {
        Tests.Equal(Outcome(Asked(), (scheme, key) => throw new InvalidOperationException()), "InvalidOperationException", "lookup");
        Tests.Equal(Outcome(Asked(new Broken())), "IOException", "body");
        var guard = new Guard { Broken = true };
        Tests.Equal(Outcome(Asked(), null, new VerifierOptions { ReplayGuard = guard }), "TimeoutException", "guard");
    }

    private static void AGuardIsToldUntilWhen()
    {
        var guard = new Guard();
        var options = new VerifierOptions { ReplayGuard = guard };
        Tests.Equal(Outcome(Asked(new MemoryStream()), null, options), "SIGNATURE_MISMATCH");
        Tests.Equal(guard.Seen.Count, 0, "asked about what is wrong");
        Tests.Equal(Outcome(Asked(), null, options), "");
        Tests.Equal(guard.Seen.Values.Single(), Signing.Now.ToUnixTimeSeconds() + 900, "expires");
        Tests.Equal(Outcome(Asked(), null, options), "REPLAYED");
    }

    private static void BodiesAreReadNoFurtherThanNeeded()
    {
        var body = new Endless();
        Tests.Equal(Outcome(Asked(body), null, new VerifierOptions { ClockSkewMax = TimeSpan.FromSeconds(-1) }), "CLOCK_SKEW");
        Tests.Equal(body.Given, 0L, "read in vain");
        Tests.Equal(Outcome(Asked(body), null, new VerifierOptions { BodyBytesMax = 100000 }), "BODY_TOO_LARGE");
        Tests.Equal(body.Given, 100001L, "read");
    }

    private static void ABodyThatIsNotSignedIsNotRead()
    {
        var body = new Endless();
        Func<string, string> basic = secret => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(Signing.Key + ":" + secret));
        var request = new Request("POST", "/", new Dictionary<string, string> { ["Authorization"] = basic(Signing.Secret) }, body);
        Tests.Equal(Outcome(request, null, new VerifierOptions { BodyBytesMax = 1 }), "");
        Tests.Equal(body.Given, 0L, "read");
        Tests.Equal(ReferenceEquals(request.Body, body), true, "the same stream");
        request = new Request("POST", "/", new Dictionary<string, string> { ["Authorization"] = basic("other") }, body);
        Tests.Equal(Outcome(request), "SIGNATURE_MISMATCH");
    }

    private static void NothingShowsASecret()
    {
        try
        {
            MakeVerifier(null, null).VerifyAsync(Asked(new MemoryStream())).GetAwaiter().GetResult();
            Tests.Fail("accepted");
        }
        catch (RefusedException refused)
        {
            Tests.Equal(refused.ToString().Contains(Signing.Secret), false, "the secret");
            Tests.Equal(refused.Status, 401);
            Tests.Equal(Json.Read(Encoding.UTF8.GetString(refused.ToJson()))["message"], refused.Message);
        }
    }

    private static void ComparesAllBytes()
    {
        Func<string, string, bool> areEqual = (known, sent) => Proofs.AreEqual(Text.Bytes(known), Text.Bytes(sent));
        Tests.Equal(areEqual("abc", "abc") && areEqual("", ""), true);
        foreach (var sent in new[] { "", "ab", "abd", "bbc", "abca", "abcabc", "aabc" })
        {
            Tests.Equal(areEqual("abc", sent) || areEqual("", "abc"), false, sent);
        }
    }

    private static void ReadsDates()
    {
        for (var day = new DateTime(1, 1, 1); day < new DateTime(9999, 12, 1); day = day.AddDays(17).AddSeconds(7919))
        {
            var text = day.ToString("yyyyMMdd'T'HHmmss'Z'", System.Globalization.CultureInfo.InvariantCulture);
            var expected = (day.Ticks - new DateTime(1970, 1, 1).Ticks) / TimeSpan.TicksPerSecond;
            if (!SdkDate.TryParse(text, out var seconds) || seconds != expected)
            {
                Tests.Fail($"{text}: {seconds}");
            }
        }
        long first;
        Tests.Equal(SdkDate.TryParse("00000101T000000Z", out first) ? first : 0, -62167219200L);
    }

    /// <summary>A decoder that replaced or forgave would make two keys one.</summary>
    private static void RefusesWhatIsNoUtf8()
    {
        foreach (var bytes in new[] { "\u00ff", "\u00c0\u0080", "\u00c1\u00bf", "\u00e0\u0080\u0080", "\u00ed\u00a0\u0080",
            "\u00f4\u0090\u0080\u0080", "\u00f8\u0088\u0080\u0080\u0080", "\u00c3", "\u00e2\u0082", "\u0080" })
        {
            var value = $"SDK-HMAC-SHA256 Access=k{bytes}, SignedHeaders=host, Signature={new string('0', 64)}";
            Tests.Equal(Claim.Parse(value), null, Text.Hex(Text.Bytes(bytes)));
            Tests.Equal(Claim.Parse("Basic " + Convert.ToBase64String(Text.Bytes(bytes + ":secret"))), null, "Basic");
        }
    }

    private static void DependsOnNoCulture()
    {
        var before = Thread.CurrentThread.CurrentCulture;
        Thread.CurrentThread.CurrentCulture = new System.Globalization.CultureInfo("tr-TR");
        Tests.Equal(Outcome(Asked()), "", "Turkish");
        var missing = new Request("GET", "/", new Dictionary<string, string>());
        Tests.Equal(Outcome(missing), "MISSING_AUTHORIZATION", "Turkish");
        Thread.CurrentThread.CurrentCulture = before;
    }

    private static Request Asked(Stream body = null) => new Request(
        "POST", "/a?b=c", Signing.Headers("POST", "/a?b=c", "abc"), body ?? new MemoryStream(Text.Bytes("abc")));

    private static Verifier MakeVerifier(Func<Scheme, string, IEnumerable<string>> lookup, VerifierOptions options)
    {
        options = options ?? new VerifierOptions();
        options.Clock = () => Signing.Now;
        return new Verifier(lookup ?? ((scheme, key) => new[] { Signing.Secret }), options);
    }

    /// <summary>Nothing where the request is verified, else the reason or what was thrown.</summary>
    private static string Outcome(
        Request request, Func<Scheme, string, IEnumerable<string>> lookup = null, VerifierOptions options = null)
    {
        try
        {
            MakeVerifier(lookup, options).VerifyAsync(request).GetAwaiter().GetResult();
            return "";
        }
        catch (RefusedException refused)
        {
            return refused.Code;
        }
        catch (Exception error)
        {
            return error.GetType().Name;
        }
    }

    private sealed class Guard : IReplayGuard
    {
        internal bool Broken { get; set; }

        internal Dictionary<string, long> Seen { get; } = new Dictionary<string, long>();

        public Task<bool> IsNewAsync(string key, string signature, long expiresAt, CancellationToken cancellationToken)
        {
            var isNew = !Seen.ContainsKey(key + signature);
            Seen[key + signature] = expiresAt;
            return Broken ? throw new TimeoutException() : Task.FromResult(isNew);
        }
    }

    private sealed class Broken : MemoryStream
    {
        public override int Read(byte[] buffer, int offset, int count) => throw new IOException();

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            throw new IOException();
    }

    private sealed class Endless : MemoryStream
    {
        internal long Given { get; private set; }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        {
            Given += count;
            return Task.FromResult(count);
        }
    }
}
