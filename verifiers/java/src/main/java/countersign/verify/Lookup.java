package countersign.verify;

/** Finds the secrets of a key. */
public interface Lookup {
    /**
     * Several while one replaces another; none, or null, where the key is unknown or is not a key
     * of that scheme.
     */
    Iterable<String> secrets(Scheme scheme, String key);
}
