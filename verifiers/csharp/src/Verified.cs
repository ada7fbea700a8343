namespace Countersign
{
    /// <summary>The two ways to sign. A key is good for one of them.</summary>
    public enum Scheme
    {
        /// <summary><c>SDK-HMAC-SHA256</c></summary>
        Hmac,

        /// <summary><c>Basic</c></summary>
        Basic,
    }

    /// <summary>Who signed a request.</summary>
    public sealed class Verified
    {
        internal Verified(string key, Scheme scheme, bool payloadSigned)
        {
            Key = key;
            Scheme = scheme;
            PayloadSigned = payloadSigned;
        }

        public string Key { get; }

        public Scheme Scheme { get; }

        /// <summary>The scheme as it stands in the signature header.</summary>
        public string SchemeName => Scheme == Scheme.Basic ? "Basic" : Canonical.Algorithm;

        /// <summary>Whether the signature covers the body; never with Basic.</summary>
        public bool PayloadSigned { get; }
    }
}
