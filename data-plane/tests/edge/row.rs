//! A row of the table and how it is written:
//!
//! ```text
//! == its name
//! > GET / HTTP/1.1\r\nHost: a\r\n\r\n      what is sent; lines are joined as they stand
//! < 200                                    one line for each answer, in order:
//! < 400 BAD_REQUEST                        a status and the code of our JSON; where there is
//!                                          none, it is the backend's answer
//! < closed                                 instead of an answer, the node closes
//! < gone                                   or the client goes away, without waiting
//! then open                                or `then closed`
//! both GET / ""                            what the doubles read, one line for each request;
//! both nothing                             or `strict …` and `lax …`, where they differ
//! with x-kept: 1                           a header that both read in the last request
//! without x-hop                            and one that is not there
//! known 200 open GET / ""                  what happens instead, for now: an answer, what then,
//!                                          and what both doubles read
//! because …                                and why
//! ```
//!
//! In what is sent and read, `\r \n \t \0 \\ \xNN` are escapes and `{x*9}` is nine times `x`.

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) sent: Vec<u8>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) then: Then,
    /// As the doubles write it down.
    pub(crate) strict: Vec<String>,
    pub(crate) lax: Vec<String>,
    pub(crate) with: Vec<(String, String)>,
    pub(crate) without: Vec<String>,
    pub(crate) known: Option<Known>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Status(u16, String),
    /// The node closes instead.
    Closed,
    /// The client does not wait for any.
    Gone,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Open,
    Closed,
}

/// What the node does instead of what it ought to do. Nothing is smuggled by it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) answer: Answer,
    pub(crate) then: Then,
    /// What both doubles read.
    pub(crate) seen: Vec<String>,
    pub(crate) reason: String,
}

pub(crate) fn parse(file: &str, text: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
        if key == "==" {
            rows.push(Row::new(format!("{file}: {rest}")));
            continue;
        }
        let row = rows.last_mut().unwrap_or_else(|| panic!("{file}: no name before {line:?}"));
        row.read(key, rest).unwrap_or_else(|| panic!("{}: what is {line:?}?", row.name));
    }
    rows
}

impl Row {
    fn new(name: String) -> Self {
        Self {
            name,
            sent: Vec::new(),
            answers: Vec::new(),
            then: Then::Open,
            strict: Vec::new(),
            lax: Vec::new(),
            with: Vec::new(),
            without: Vec::new(),
            known: None,
        }
    }

    fn read(&mut self, key: &str, rest: &str) -> Option<()> {
        match key {
            ">" => self.sent.extend(unescape(rest)),
            "<" => self.answers.push(Answer::parse(rest)?),
            "then" => self.then = Then::parse(rest)?,
            "both" | "strict" | "lax" if rest == "nothing" => {}
            "both" => {
                self.strict.push(repeat(rest));
                self.lax.push(repeat(rest));
            }
            "strict" => self.strict.push(repeat(rest)),
            "lax" => self.lax.push(repeat(rest)),
            "with" => {
                let (name, value) = rest.split_once(": ")?;
                self.with.push((name.to_owned(), value.to_owned()));
            }
            "without" => self.without.push(rest.to_owned()),
            "known" => {
                let mut words = rest.splitn(3, ' ');
                let answer = Answer::parse(words.next()?)?;
                let then = Then::parse(words.next()?)?;
                let seen = words.next().filter(|seen| *seen != "nothing").map(repeat);
                let seen = seen.into_iter().collect();
                self.known = Some(Known { answer, then, seen, reason: String::new() });
            }
            "because" => rest.clone_into(&mut self.known.as_mut()?.reason),
            _ => return None,
        }
        Some(())
    }
}

impl Answer {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "closed" => Some(Self::Closed),
            "gone" => Some(Self::Gone),
            _ => {
                let (status, code) = text.split_once(' ').unwrap_or((text, ""));
                Some(Self::Status(status.parse().ok()?, code.to_owned()))
            }
        }
    }
}

impl Then {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "open" => Some(Self::Open),
            "closed" => Some(Self::Closed),
            _ => None,
        }
    }
}

/// `{x*3}` becomes `xxx`.
fn repeat(text: &str) -> String {
    let Some((before, rest)) = text.split_once('{') else { return text.to_owned() };
    let (what, rest) = rest.split_once('*').expect("a `*` behind `{`");
    let (times, after) = rest.split_once('}').expect("a `}` behind `{`");
    format!("{before}{}{}", what.repeat(times.parse().unwrap()), repeat(after))
}

fn unescape(text: &str) -> Vec<u8> {
    let text = repeat(text);
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(if byte == b'\\' { escaped(&mut bytes) } else { byte });
    }
    out
}

fn escaped(bytes: &mut impl Iterator<Item = u8>) -> u8 {
    match bytes.next() {
        Some(b'r') => b'\r',
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'0') => 0,
        Some(b'\\') => b'\\',
        Some(b'x') => {
            let digits: String = bytes.take(2).map(char::from).collect();
            u8::from_str_radix(&digits, 16).expect("two hex digits")
        }
        other => panic!("{other:?} is no escape"),
    }
}
