using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text;
using Countersign;

/// <summary>
/// Changes accepted cases at random. Whatever comes out of that is refused and nothing else, or is accepted and means
/// what one of the cases meant.
/// </summary>
internal static class RandomChanges
{
    private static readonly char[] WhiteSpace = { ' ', '\t', '\n', '\f', '\r' };
    private const string Pieces = "%/?&=+;, :\t\n\r\u000b\0\u00a0\u00e9\u0130\u017f\u212aAazZ09-_.~2Ff\ud800";

    internal static void Run(List<Case> cases, TimeSpan time)
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var accepted = cases.Where(each => each.Kind != "refuse").ToList();
        var meanings = new HashSet<string>(accepted.Select(each =>
            Meaning(each, each.Method, each.Target, each.Headers, each.Body)));
        int tried = 0, stillAccepted = 0;
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < time; tried++)
        {
            var each = accepted[random.Next(accepted.Count)];
            string method = each.Method, target = each.Target;
            var headers = each.Headers.ToList();
            var body = each.Body;
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                var at = random.Next(headers.Count);
                switch (random.Next(8))
                {
                    case 0:
                        method = Changed(random, method);
                        break;
                    case 1:
                    case 2:
                        target = Changed(random, target);
                        break;
                    case 3:
                        body = Text.Bytes(Changed(random, Text.OfBytes(body)));
                        break;
                    case 4:
                        headers[at] = Pair(Changed(random, headers[at].Key), headers[at].Value);
                        break;
                    case 5:
                        headers.Insert(at, headers[random.Next(headers.Count)]);
                        break;
                    default:
                        headers[at] = Pair(headers[at].Key, Changed(random, headers[at].Value));
                        break;
                }
            }
            var outcome = each.Outcome(new Request(method, target, headers, new MemoryStream(body)));
            if (outcome.Contains(" "))
            {
                stillAccepted++;
                if (!meanings.Contains(Meaning(each, method, target, headers, body)))
                {
                    Tests.Fail($"seed {seed}: {each.Id} accepted as {method} {target} {string.Join("|", headers)}");
                }
            }
        }
        Console.WriteLine($"  {tried} changed requests, of which {stillAccepted} meant the same");
        Tests.Equal(tried > stillAccepted && stillAccepted > 0, true, "changes are of both kinds");
    }

    private static string Changed(Random random, string text)
    {
        var at = random.Next(text.Length + 1);
        var length = random.Next(Math.Min(3, text.Length - at + 1));
        var piece = random.Next(3) == 0 ? "" : Pieces[random.Next(Pieces.Length)].ToString();
        if (random.Next(4) == 0 && text.Length > 0)
        {
            var one = text[random.Next(text.Length)];
            piece = random.Next(2) == 0 ? one.ToString() : $"%{(int)one & 255:x2}";
        }
        return text.Substring(0, at) + piece + text.Substring(at + length);
    }

    /// <summary>All that a signature covers, read without the code that is tested; with Basic the credentials
    /// alone.</summary>
    private static string Meaning(
        Case each, string method, string target, List<KeyValuePair<string, string>> headers, byte[] body)
    {
        Func<string, string> valueOf = name => string.Join("\0twice\0", headers
            .Where(header => header.Key.ToLowerInvariant() == name.ToLowerInvariant())
            .Select(header => Received(header.Value).Trim(WhiteSpace)));
        var claim = valueOf(each.SignatureHeader).Split(WhiteSpace, StringSplitOptions.RemoveEmptyEntries);
        if (claim[0].ToLowerInvariant() == "basic")
        {
            return claim[1];
        }
        var key = string.Join(" ", claim).Split(',')[0];
        var mark = target.IndexOf('?');
        var path = Plain(mark < 0 ? target : target.Substring(0, mark));
        var parts = new List<string> { key, method.ToUpperInvariant(), path.EndsWith("/", StringComparison.Ordinal) ? path : path + "/" };
        parts.AddRange((mark < 0 ? "" : target.Substring(mark + 1)).Split('&')
            .Select(parameter => parameter.Split(new[] { '=' }, 2))
            .Where(parameter => parameter[0] != "")
            .Select(parameter => Plain(parameter[0]) + "\0=" + Plain(parameter.Length > 1 ? parameter[1] : ""))
            .OrderBy(parameter => parameter, StringComparer.Ordinal));
        var names = string.Join(" ", claim).Split(new[] { "SignedHeaders=" }, StringSplitOptions.None)[1].Split(',')[0];
        parts.AddRange(names.Split(';').Select(name => name + ":" + valueOf(name)));
        parts.Add(valueOf("x-sdk-content-sha256") == "UNSIGNED-PAYLOAD" ? "" : Convert.ToBase64String(body));
        return string.Join("\0|", parts);
    }

    private static string Plain(string text)
    {
        var plain = new StringBuilder();
        text = Received(text);
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] == '%' && at + 2 < text.Length && Uri.IsHexDigit(text[at + 1]) && Uri.IsHexDigit(text[at + 2]))
            {
                plain.Append((char)Convert.ToInt32(text.Substring(at + 1, 2), 16));
                at += 2;
            }
            else
            {
                plain.Append(text[at]);
            }
        }
        return plain.ToString();
    }

    /// <summary>Each byte a character, also where the text is no ISO-8859-1.</summary>
    private static string Received(string text) => text.All(one => one < 256)
        ? text : string.Concat(Encoding.UTF8.GetBytes(text).Select(one => (char)one));

    private static KeyValuePair<string, string> Pair(string name, string value) =>
        new KeyValuePair<string, string>(name, value);
}
