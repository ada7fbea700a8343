package countersign.verify;

/**
 * The request is not to be trusted, for exactly one reason. Never carries a secret, nor the
 * signature that would have been right.
 */
public final class Refused extends Exception {
    private static final long serialVersionUID = 1;
    private final Reason reason;

    Refused(Reason reason, String message) {
        super(message);
        this.reason = reason;
    }

    public Reason reason() {
        return reason;
    }

    /** The HTTP status to answer with. */
    public int status() {
        return reason == Reason.BODY_TOO_LARGE ? 413 : 401;
    }

    /** The body to answer with. */
    public String toJson() {
        StringBuilder message = new StringBuilder();
        for (char character : getMessage().toCharArray()) {
            if (character < ' ' || character > '~' || character == '"' || character == '\\') {
                message.append(String.format("\\u%04x", (int) character));
            } else {
                message.append(character);
            }
        }
        return "{\"verified\": false, \"reason\": \"" + reason + "\", \"message\": \"" + message + "\"}\n";
    }
}
