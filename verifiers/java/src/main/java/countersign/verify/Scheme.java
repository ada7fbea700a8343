package countersign.verify;

/** The two ways to sign. A key is good for one of them. */
public enum Scheme {
    HMAC("SDK-HMAC-SHA256"),
    BASIC("Basic");

    private final String text;

    Scheme(String text) {
        this.text = text;
    }

    /** The first word of the signature header. */
    public String text() {
        return text;
    }
}
