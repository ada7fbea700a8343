using System.Collections.Generic;
using System.Globalization;
using System.Text;

/// <summary>Reads JSON that is known to be good, so that the tests need no library.</summary>
internal sealed class Json
{
    private readonly string text;
    private int at;

    private Json(string text)
    {
        this.text = text;
    }

    internal static Dictionary<string, object> Read(string text) => (Dictionary<string, object>)new Json(text).Value();

    private object Value()
    {
        switch (Peek())
        {
            case '{':
                return Object();
            case '[':
                return Array();
            case '"':
                return String();
        }
        var start = at;
        while (",]}\n".IndexOf(text[at]) < 0)
        {
            at++;
        }
        var word = text.Substring(start, at - start);
        return word == "true" ? true : word == "false" ? false : (object)long.Parse(word, CultureInfo.InvariantCulture);
    }

    private Dictionary<string, object> Object()
    {
        var found = new Dictionary<string, object>();
        for (at++; Peek() != '}'; Skip(','))
        {
            var name = String();
            Skip(':');
            found[name] = Value();
        }
        at++;
        return found;
    }

    private List<object> Array()
    {
        var found = new List<object>();
        for (at++; Peek() != ']'; Skip(','))
        {
            found.Add(Value());
        }
        at++;
        return found;
    }

    private string String()
    {
        var found = new StringBuilder();
        Peek();
        for (at++; text[at] != '"'; at++)
        {
            var one = text[at];
            if (one == '\\')
            {
                one = text[++at];
                var known = "bfnrt".IndexOf(one);
                if (known >= 0)
                {
                    one = "\b\f\n\r\t"[known];
                }
                else if (one == 'u')
                {
                    one = (char)int.Parse(text.Substring(at + 1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                    at += 4;
                }
            }
            found.Append(one);
        }
        at++;
        return found.ToString();
    }

    private char Peek()
    {
        while (" \t\r\n".IndexOf(text[at]) >= 0)
        {
            at++;
        }
        return text[at];
    }

    private void Skip(char expected)
    {
        if (Peek() == expected)
        {
            at++;
        }
    }
}
