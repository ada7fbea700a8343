using System;
using System.Collections.Generic;

/// <summary>Runs all tests, and says which failed.</summary>
internal static class Tests
{
    private static int failures;

    private static int Main(string[] arguments)
    {
        var folder = arguments[0];
        var cases = Case.ReadAll(folder + "/../cases/cases.json");
        var tests = new Dictionary<string, Action>
        {
            ["cases"] = () => CaseTests.Run(cases),
            ["changes at random"] = () => RandomChanges.Run(cases, TimeSpan.FromSeconds(double.Parse(arguments[1]))),
            ["verifier"] = VerifierTests.Run,
            ["HttpListener"] = ListenerTests.Run,
            ["sample server"] = () => ProcessTests.SampleServer(folder),
            ["README"] = () => ProcessTests.Readme(folder),
        };
        foreach (var test in tests)
        {
            var before = failures;
            try
            {
                test.Value();
            }
            catch (Exception error)
            {
                Fail($"{error}");
            }
            Console.WriteLine($"{(failures == before ? "ok    " : "FAILED")} {test.Key}");
        }
        return failures == 0 ? 0 : 1;
    }

    internal static bool Equal(object actual, object expected, string what = "")
    {
        if (Equals(actual, expected))
        {
            return true;
        }
        Fail($"{what}: got {actual} instead of {expected}");
        return false;
    }

    internal static void Fail(string message)
    {
        failures++;
        Console.WriteLine("  " + message);
    }
}
