import java.time.Instant;
import java.util.Base64;
import java.util.Collections;
import java.util.List;

/** What API level 23 has not: the test must say so. */
final class Control {
    String newer(List<String> words) {
        words.sort(Collections.<String>reverseOrder());
        return Base64.getEncoder().encodeToString(new byte[0]) + Instant.now();
    }
}
