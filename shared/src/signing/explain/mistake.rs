//! The mistakes that signers make, by name. It knows what they are called and how they are
//! mended; the files beside it know how they are made.

/// What a signer did that is not in the rules of the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// A stable name.
    pub code: &'static str,
    /// What the signer did, as a clause after "the signer".
    pub what: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// Declares mistakes as constants: `NAME = what; remedy`.
macro_rules! mistakes {
    ($($name:ident = $what:literal; $remedy:literal)*) => {
        $(pub(super) const $name: Mistake =
            Mistake { code: stringify!($name), what: $what, remedy: $remedy };)*
    };
}

mistakes! {
    METHOD_CHANGED = "signed another method"; "look for a redirect, a method override or a proxy that changes the method"
    METHOD_LOWER_CASE = "wrote the method in lower case"; "write the method in upper case"
    PATH_WITHOUT_FINAL_SLASH = "left out the slash at the end of the path"; "the canonical path ends with `/`, whatever the request's path ends with: add one"
    PATH_PREFIX_REMOVED = "signed the path without its first segments"; "sign the path that the backend receives: something on the way strips or adds a prefix"
    PATH_CLEANED = "signed the path with dot segments resolved or slashes merged"; "sign the path as it is sent, or send the clean one"
    PATH_AS_SENT = "signed the path as it was sent, without escaping it again"; "unescape the path and escape it again: only `A-Z a-z 0-9 - _ . ~ /` stand for themselves, hex in upper case"
    PATH_DECODED = "signed the path unescaped"; "escape the path, byte by byte of its UTF-8"
    PATH_ESCAPED_TWICE = "escaped the path twice"; "escape the path once (AWS signatures escape it twice, these do not)"
    PATH_ESCAPED_LIKE_JAVASCRIPT = "left `! ' ( ) *` in the path unescaped, as encodeURIComponent does"; "escape these as well: %21 %27 %28 %29 %2A"
    ESCAPES_IN_LOWER_CASE = "wrote escapes with lower-case hex"; "write escapes in upper case: %2F, not %2f"
    QUERY_MISSING = "signed no query"; "sign the query that is sent: path and query are two lines"
    QUERY_UNSORTED = "did not sort the query"; "sort the parameters by name, then by value"
    QUERY_SORTED_BY_NAME_ONLY = "sorted the query by name only"; "sort parameters of the same name by their values"
    QUERY_AS_SENT = "signed the query as it was sent"; "unescape each name and value, escape it again, sort, and write `name=value` joined by `&`"
    QUERY_PLUS_READ_AS_SPACE = "read `+` in the query as a space"; "in a query to be signed, `+` is a plus (%2B); send a space as %20"
    QUERY_SPACE_WRITTEN_AS_PLUS = "wrote a space in the query as `+`"; "write a space as %20: use a URL encoder, not a form encoder"
    QUERY_PLUS_NOT_ESCAPED = "left `+` in the query unescaped"; "write a plus as %2B"
    QUERY_ESCAPED_TWICE = "escaped the query twice"; "escape names and values once"
    QUERY_ESCAPED_LIKE_JAVASCRIPT = "left `! ' ( ) *` in the query unescaped, as encodeURIComponent does"; "escape these as well: %21 %27 %28 %29 %2A"
    QUERY_SLASH_NOT_ESCAPED = "left `/` in the query unescaped"; "write a slash in a query as %2F"
    QUERY_EMPTY_VALUES_DROPPED = "left out parameters without a value"; "write them as `name=`"
    QUERY_EQUALS_SIGN_DROPPED = "wrote a parameter without a value as `name`"; "write it as `name=`"
    QUERY_REPEATED_NAMES_DROPPED = "signed one of several parameters of the same name"; "sign each of them: a map of names to one value loses some"
    HOST_PORT = "signed the host with another port, or with none"; "sign the Host header that the backend receives, with its port where it has one"
    HOST_OTHER = "signed another host than the backend sees"; "sign the Host that the backend receives: a proxy between gateway and backend rewrites it, or the backend looks at another header"
    HOST_CASE = "signed the host in lower case"; "sign the Host header as it is sent"
    HEADER_NOT_TRIMMED = "signed a header's value with the white space around it"; "trim the values of signed headers"
    HEADER_SPACES_MERGED = "merged spaces within a header's value"; "sign values as they are, without the white space at their ends"
    HEADER_LOWER_CASE = "wrote a header's value in lower case"; "only names are in lower case, values stay as they are"
    HEADER_EMPTY = "signed a header as empty"; "read the header before it is signed: a proxy may have added it later"
    BODY_MISSING = "signed an empty body"; "hash the body that is sent; a framework may have read it already"
    BODY_UNSIGNED = "wrote UNSIGNED-PAYLOAD in place of the body's hash"; "send `x-sdk-content-sha256: UNSIGNED-PAYLOAD` along, or sign the body"
    BODY_HASH_UPPER_CASE = "wrote the body's hash in upper case"; "write it in lower-case hex"
    BODY_LINE_END = "signed the body with or without the line end at its end"; "hash the body's bytes as they are sent; an editor or `echo` adds a line end"
    BODY_LINE_ENDS_CONVERTED = "signed the body with other line ends"; "hash the bytes as they are sent: something converts LF and CR LF"
    BODY_JSON_REWRITTEN = "signed the same JSON, written with other white space"; "hash the bytes that are sent, not an object that is serialised again"
    BODY_CHARSET = "signed the body in another character set"; "hash the bytes that are sent: one side takes UTF-8 for ISO-8859-1"
    BODY_FORM_REWRITTEN = "signed the same form with spaces written otherwise"; "hash the bytes that are sent; `+` and %20 are two spellings of one form"
    BODY_MARK = "signed the body with or without a byte order mark"; "hash the bytes as they are sent, and send no byte order mark"
    DATE_OTHER = "signed another time than X-Sdk-Date says"; "take the time once, for the header and for the string to sign"
    DATE_TIME_ZONE = "signed the local time"; "X-Sdk-Date and the string to sign are in UTC"
    SECRET_LINE_END = "used the secret with white space after it"; "drop the line end when the secret is read from a file: `printf %s`, not `echo`"
    SECRET_TRIMMED = "used the secret without the white space that belongs to it"; "use the secret as it is, or replace it by one without white space"
    SECRET_QUOTED = "used the secret with the quotes around it"; "drop the quotes that a configuration file or a shell kept"
    SECRET_DECODED = "decoded the secret from base64 or hex"; "the secret is text: its UTF-8 is the HMAC's key"
    SECRET_IS_THE_KEY = "used the key as the secret"; "the key names the secret; configure both"
}
