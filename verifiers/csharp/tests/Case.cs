using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Countersign;

/// <summary>One of the cases that every verifier is held to.</summary>
internal sealed class Case
{
    private readonly Dictionary<string, object> fields;
    private readonly Dictionary<string, object> options;
    private readonly Dictionary<string, string[]> secrets;

    private Case(Dictionary<string, object> fields, Dictionary<string, string[]> secrets)
    {
        this.fields = fields;
        this.secrets = secrets;
        options = (Dictionary<string, object>)fields["options"];
        Body = Convert.FromBase64String(Text("body_b64"));
        Headers = ((List<object>)fields["headers"]).Cast<List<object>>()
            .Select(pair => new KeyValuePair<string, string>((string)pair[0], (string)pair[1])).ToList();
    }

    internal string Id => Text("id");

    internal string Says => Text("says");

    internal string Kind => Text("kind");

    internal string Method => Text("method");

    internal string Target => Text("target");

    internal List<KeyValuePair<string, string>> Headers { get; }

    internal byte[] Body { get; }

    internal string SignatureHeader => options.TryGetValue("signature_header", out var name) ? (string)name : "authorization";

    internal Dictionary<string, object> Stages =>
        fields.TryGetValue("stages", out var stages) ? (Dictionary<string, object>)stages : null;

    internal string Expected
    {
        get
        {
            var expected = (Dictionary<string, object>)fields["expected"];
            return expected.TryGetValue("refused", out var reason)
                ? (string)reason : $"{expected["scheme"]} {expected["payload_signed"]} {expected["key"]}";
        }
    }

    internal static List<Case> ReadAll(string path)
    {
        var file = Json.Read(File.ReadAllText(path));
        var secrets = ((List<object>)file["keys"]).Cast<Dictionary<string, object>>().ToDictionary(
            entry => $"{entry["scheme"]} {entry["key"]}",
            entry => ((List<object>)entry["secrets"]).Cast<string>().ToArray());
        return ((List<object>)file["cases"]).Select(each => new Case((Dictionary<string, object>)each, secrets)).ToList();
    }

    /// <summary>What a verifier of this case says to a request: who signed it, or the reason.</summary>
    internal string Outcome(Request request)
    {
        try
        {
            var verified = Verifier().VerifyAsync(request).GetAwaiter().GetResult();
            return $"{verified.SchemeName} {verified.PayloadSigned} {verified.Key}";
        }
        catch (RefusedException refused)
        {
            return refused.Code;
        }
    }

    private Verifier Verifier()
    {
        var changed = new VerifierOptions
        {
            SignatureHeader = SignatureHeader,
            UnsignedPayloadAllowed = options.ContainsKey("unsigned_payload_allowed"),
            Clock = () => DateTimeOffset.FromUnixTimeSeconds((long)fields["now"]).AddMilliseconds(999),
        };
        foreach (var option in options)
        {
            switch (option.Key)
            {
                case "clock_skew_seconds_max":
                    changed.ClockSkewMax = TimeSpan.FromSeconds((long)option.Value);
                    break;
                case "required_headers":
                    changed.RequiredHeaders = ((List<object>)option.Value).Cast<string>();
                    break;
                case "body_bytes_max":
                    changed.BodyBytesMax = (long)option.Value;
                    break;
                case "replay_guard_answers":
                    changed.ReplayGuard = new Guard((bool)option.Value);
                    break;
            }
        }
        return new Verifier(Secrets, changed);
    }

    private IEnumerable<string> Secrets(Scheme scheme, string key)
    {
        var name = scheme == Scheme.Basic ? "Basic " : "SDK-HMAC-SHA256 ";
        return secrets.TryGetValue(name + key, out var found) ? found : null;
    }

    private string Text(string name) => (string)fields[name];

    private sealed class Guard : IReplayGuard
    {
        private readonly bool answer;

        internal Guard(bool answer)
        {
            this.answer = answer;
        }

        public Task<bool> IsNewAsync(string key, string signature, long expiresAt, CancellationToken cancellationToken) =>
            Task.FromResult(answer);
    }
}
