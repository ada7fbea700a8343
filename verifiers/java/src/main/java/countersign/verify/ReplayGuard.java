package countersign.verify;

/** Remembers signatures. */
public interface ReplayGuard {
    /** Whether the signature is new. After {@code expiresAt} (Unix seconds) the clock refuses it. */
    boolean isNew(String key, String signature, long expiresAt);
}
