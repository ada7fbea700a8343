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

    public Options signatureHeader(String name) {
        signatureHeader = name;
        return this;
    }

    public Options clockSkewSecondsMax(long seconds) {
        clockSkewSecondsMax = seconds;
        return this;
    }

    public Options requiredHeaders(String... names) {
        requiredHeaders = Arrays.asList(names);
        return this;
    }

    public Options unsignedPayloadAllowed(boolean isAllowed) {
        unsignedPayloadAllowed = isAllowed;
        return this;
    }

    public Options bodyBytesMax(int bytes) {
        bodyBytesMax = bytes;
        return this;
    }

    public Options replayGuard(ReplayGuard guard) {
        replayGuard = guard;
        return this;
    }
}
