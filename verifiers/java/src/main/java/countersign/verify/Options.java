package countersign.verify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What a verifier insists on; {@code verifiers/README.md} explains each. */
public final class Options {
    String signatureHeader = "authorization";
    long clockSkewSecondsMax = 900;
    List<String> requiredHeaders = new ArrayList<String>();
    boolean unsignedPayloadAllowed = false;
    int bodyBytesMax = 12 * 1024 * 1024;
    ReplayGuard replayGuard = null;

    /** The header that carries the signature, in any case; by default {@code authorization}. */
    public Options signatureHeader(String name) {
        signatureHeader = name;
        return this;
    }

    /** How far the date may lie from the clock, either way; by default 900. */
    public Options clockSkewSecondsMax(long seconds) {
        clockSkewSecondsMax = seconds;
        return this;
    }

    /** Headers that must be signed besides {@code host} and {@code x-sdk-date}; by default none. */
    public Options requiredHeaders(String... names) {
        requiredHeaders = Arrays.asList(names);
        return this;
    }

    /** Whether a signature that does not cover the body is good enough; by default not. */
    public Options unsignedPayloadAllowed(boolean isAllowed) {
        unsignedPayloadAllowed = isAllowed;
        return this;
    }

    /** The largest body that is read to be hashed; by default 12 MiB. */
    public Options bodyBytesMax(int bytes) {
        bodyBytesMax = bytes;
        return this;
    }

    /** Asked last, whether the signature is new; by default nobody is. */
    public Options replayGuard(ReplayGuard guard) {
        replayGuard = guard;
        return this;
    }
}
