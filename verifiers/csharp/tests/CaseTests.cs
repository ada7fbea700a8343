using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Countersign;

/// <summary>Goes through all cases, their stages too.</summary>
internal static class CaseTests
{
    internal static void Run(List<Case> cases)
    {
        var passed = cases.Where(Passes).ToList();
        Func<string, string> tally = kind => $"{passed.Count(each => each.Kind == kind)}/{cases.Count(each => each.Kind == kind)}";
        Console.WriteLine($"CASES vectors={tally("vector")} accepts={tally("accept")} refusals={tally("refuse")}");
        Tests.Equal(cases.Count(each => each.Kind == "vector") >= 18 && cases.Count(each => each.Kind == "refuse") >= 40, true,
            "there are as many cases as there were");
    }

    private static bool Passes(Case each)
    {
        var passes = true;
        // A body comes at once, and byte by byte.
        foreach (var body in new Stream[] { new MemoryStream(each.Body), new Drops(each.Body) })
        {
            var request = new Request(each.Method, each.Target, each.Headers, body);
            var outcome = each.Outcome(request);
            passes &= Tests.Equal(outcome, each.Expected, $"{each.Id} ({each.Says})");
            if (outcome.Contains(" "))
            {
                var left = new MemoryStream();
                request.Body.CopyTo(left);
                passes &= Tests.Equal(Text.OfBytes(left.ToArray()), Text.OfBytes(each.Body), each.Id + ": the handler's body");
            }
        }
        return passes && (each.Stages == null || StagesPass(each));
    }

    /// <summary>The texts on the way to the signature, from the parts that the claim names.</summary>
    private static bool StagesPass(Case each)
    {
        var headers = each.Headers.GroupBy(header => Text.Lower(header.Key)).ToDictionary(all => all.Key, all => all.First().Value);
        var claim = Claim.Parse(headers[Text.Lower(each.SignatureHeader)]);
        var signed = claim.SignedHeaders.Select(name => new KeyValuePair<string, string>(name, headers[name])).ToList();
        var payload = headers.TryGetValue("x-sdk-content-sha256", out var sent) ? sent : Text.HexSha256(each.Body);
        var canonical = Canonical.Request(each.Method, each.Target, signed, payload);
        return Tests.Equal(canonical, each.Stages["canonical_request"], each.Id)
            & Tests.Equal(
                Canonical.StringToSign(headers["x-sdk-date"].Trim(), canonical), each.Stages["string_to_sign"], each.Id)
            & Tests.Equal(Text.OfBytes(claim.Proof), each.Stages["signature"], each.Id);
    }

    /// <summary>Gives a body byte by byte.</summary>
    private sealed class Drops : MemoryStream
    {
        internal Drops(byte[] bytes)
            : base(bytes)
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, 1));

        public override System.Threading.Tasks.Task<int> ReadAsync(
            byte[] buffer, int offset, int count, System.Threading.CancellationToken cancellationToken) =>
            base.ReadAsync(buffer, offset, Math.Min(count, 1), cancellationToken);
    }
}
