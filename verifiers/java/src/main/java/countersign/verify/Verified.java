package countersign.verify;

/** Who signed a request. */
public final class Verified {
    private final String key;
    private final Scheme scheme;
    private final boolean payloadSigned;
    private final byte[] body;

    Verified(String key, Scheme scheme, boolean payloadSigned, byte[] body) {
        this.key = key;
        this.scheme = scheme;
        this.payloadSigned = payloadSigned;
        this.body = body;
    }

    public String key() {
        return key;
    }

    public Scheme scheme() {
        return scheme;
    }

    /** Whether the signature covers the body; never for Basic. */
    public boolean payloadSigned() {
        return payloadSigned;
    }

    /** The body where it was read to be hashed; null where it was left in its stream. */
    public byte[] body() {
        return body;
    }
}
