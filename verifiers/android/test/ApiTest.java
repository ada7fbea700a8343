import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Holds compiled classes to a list of what Android has: {@code ApiTest LIST PREFIXES FOLDER...}.
 * The prefixes, joined by commas, are of names that are the program's own or a library's.
 */
public final class ApiTest {
    private static final Pattern CLASS = Pattern.compile("-> +(\\S+)");
    private static final Pattern MEMBER = Pattern.compile(
            "= (Methodref|InterfaceMethodref|Fieldref) .*// +\"?([^.\"]+)\"?\\.\"?([^:\"]+)\"?:(\\S+)");
    /** In a descriptor: arrays of anything, classes, or primitives. */
    private static final Pattern PARAMETER = Pattern.compile("\\[*(L[^;]+;|[BCDFIJSZ])");

    private final Map<String, Set<String>> api = new HashMap<>();
    private final List<String> own;
    private final Set<String> wrong = new TreeSet<>();
    private int members = 0;

    private ApiTest(List<String> lines, List<String> own) {
        this.own = own;
        for (String line : lines) {
            List<String> words = Arrays.asList(line.split(" "));
            api.put(words.get(0), words.stream().skip(2).map(word -> word.split("@")[0]).collect(Collectors.toSet()));
        }
    }

    public static void main(String[] arguments) throws Exception {
        ApiTest test = new ApiTest(
                Files.readAllLines(Paths.get(arguments[0])), Arrays.asList(arguments[1].split(",")));
        Set<String> classes = new TreeSet<>();
        for (String folder : Arrays.asList(arguments).subList(2, arguments.length)) {
            classes.addAll(test.classes(folder));
            test.members(folder);
        }
        test.wrong.forEach(each -> System.out.println("NOT IN THE LIST: " + each));
        System.out.println("Android: " + classes.size() + " classes and " + test.members + " references to members, "
                + test.wrong.size() + " of them not in the list");
        System.exit(test.wrong.isEmpty() && !classes.isEmpty() && test.members > 0 ? 0 : 1);
    }

    /** By jdeps: the classes that are referred to, in code or in a signature. */
    private Set<String> classes(String folder) {
        Set<String> found = new HashSet<>();
        Matcher each = CLASS.matcher(run("jdeps", "-verbose:class", "-filter:none", "--ignore-missing-deps", folder));
        while (each.find()) {
            String name = each.group(1);
            if (name.contains(".") && !isOwn(name) && !name.matches("java\\.(base|logging)")) {
                found.add(name);
                if (!api.containsKey(name.replace('$', '.'))) {
                    wrong.add(name);
                }
            }
        }
        return found;
    }

    /** By javap: the methods and fields, as they stand in the pools of constants. */
    private void members(String folder) throws Exception {
        List<String> arguments = new ArrayList<>(Arrays.asList("-v", "-p"));
        try (Stream<Path> files = Files.walk(Paths.get(folder))) {
            files.map(Path::toString).filter(name -> name.endsWith(".class")).forEach(arguments::add);
        }
        String text = run("javap", arguments.toArray(new String[0]));
        Matcher version = Pattern.compile("major version: (\\d+)").matcher(text);
        while (version.find()) {
            if (Integer.parseInt(version.group(1)) > 52) {
                wrong.add("bytecode newer than Java 8");
            }
        }
        if (text.contains("= InvokeDynamic")) {
            wrong.add("invokedynamic");
        }
        Matcher each = MEMBER.matcher(text);
        while (each.find()) {
            String owner = each.group(2).replace('/', '.').replace('$', '.');
            if (owner.startsWith("[")) {
                owner = "java.lang.Object"; // the clone of an array
            }
            if (!isOwn(owner)) {
                boolean isField = each.group(1).equals("Fieldref");
                String member = each.group(3) + (isField ? "" : "/" + arity(each.group(4)));
                members++;
                if (!has(owner, member) && !has("java.lang.Object", member)) {
                    wrong.add(owner + "." + member);
                }
            }
        }
    }

    private boolean has(String owner, String member) {
        return api.containsKey(owner) && api.get(owner).contains(member);
    }

    private boolean isOwn(String name) {
        return own.stream().anyMatch(name::startsWith);
    }

    private static int arity(String descriptor) {
        Matcher parameters = PARAMETER.matcher(descriptor.substring(1, descriptor.indexOf(')')));
        int count = 0;
        while (parameters.find()) {
            count++;
        }
        return count;
    }

    private static String run(String tool, String... arguments) {
        StringWriter out = new StringWriter();
        PrintWriter writer = new PrintWriter(out);
        int status = ToolProvider.findFirst(tool).get().run(writer, writer, arguments);
        if (status != 0) {
            throw new IllegalStateException(tool + ": " + out);
        }
        return out.toString();
    }
}
