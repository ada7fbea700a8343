//! A request that somebody captured: as flags like curl's, as the text that went over the wire, or
//! as `curl -v` shows it. It is read as it stands; nothing is decoded or mended.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::failure::Failure;
use crate::secret_source::SecretArgs;

const CAPTURE_BYTES_MAX: u64 = 64 * 1024 * 1024;
const HEADERS_MAX: usize = 256;

// A request, in one of the two ways.
#[derive(Debug, Clone, Args)]
pub(crate) struct RequestArgs {
    /// The URL, or the path with its query: as it was sent, nothing decoded
    #[arg(value_name = "URL", required_unless_present = "raw")]
    url: Option<String>,

    /// The method; GET, or POST where there is a body
    #[arg(long = "request", short = 'X', value_name = "METHOD", conflicts_with = "raw")]
    method: Option<String>,

    /// A header, `Name: value`; again for each
    #[arg(long = "header", short = 'H', value_name = "HEADER")]
    headers: Vec<String>,

    /// The body, as text
    #[arg(long, short, value_name = "TEXT", conflicts_with = "data_file")]
    data: Option<String>,

    /// The body, byte for byte as it is in the file
    #[arg(long, value_name = "FILE")]
    data_file: Option<PathBuf>,

    /// The whole request in a file, or `-` for standard input: as it went over the wire, or as
    /// `curl -v` prints it
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    raw: Option<PathBuf>,
}

/// A request as it was sent or is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Captured {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// The host that the URL names, where one was given.
    pub(crate) url_host: Option<String>,
}

impl RequestArgs {
    pub(crate) fn read(&self, secret: &SecretArgs) -> Result<Captured, Failure> {
        let mut request = match (&self.raw, &self.url) {
            (Some(file), _) => parse_raw(&raw_text(file, secret)?)?,
            (None, url) => self.of_flags(url.as_deref().unwrap_or_default())?,
        };
        for header in &self.headers {
            request.headers.push(parse_header(header)?);
        }
        if let Some(host) = &request.url_host
            && request.header("host").is_none()
        {
            request.headers.push(("host".to_owned(), host.clone().into_bytes()));
        }
        if let Some(text) = &self.data {
            request.body = text.clone().into_bytes();
        }
        if let Some(file) = &self.data_file {
            request.body = contents(file)?;
        }
        Ok(request)
    }

    fn of_flags(&self, url: &str) -> Result<Captured, Failure> {
        let has_body = self.data.is_some() || self.data_file.is_some();
        let usual = if has_body { "POST" } else { "GET" };
        let (url_host, target) = split_url(url)?;
        Ok(Captured {
            method: self.method.clone().unwrap_or_else(|| usual.to_owned()),
            target,
            headers: Vec::new(),
            body: Vec::new(),
            url_host,
        })
    }
}

impl Captured {
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        let is_named = |(sent, _): &&(String, Vec<u8>)| sent.eq_ignore_ascii_case(name);
        self.headers.iter().find(is_named).map(|(_, value)| value.as_slice())
    }

    /// The headers as the verifier takes them.
    pub(crate) fn pairs(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
    }
}

fn raw_text(file: &Path, secret: &SecretArgs) -> Result<Vec<u8>, Failure> {
    if file != Path::new("-") {
        return contents(file);
    }
    if secret.takes_stdin() {
        return Err(Failure::usage(
            "the request and the secret cannot both come from standard input: give --secret-file",
        ));
    }
    read_all(std::io::stdin().lock(), "standard input")
}

/// Host and target of a URL or of a bare target. A fragment is never sent.
fn split_url(url: &str) -> Result<(Option<String>, String), Failure> {
    let url = url.split('#').next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| !scheme.contains('/'))
    else {
        if url.starts_with('/') {
            return Ok((None, url.to_owned()));
        }
        return Err(Failure::usage(format!(
            "`{url}` is neither a URL like http://shop.example.com/orders nor a path like /orders"
        )));
    };
    if !matches!(scheme, "http" | "https") {
        return Err(Failure::usage(format!("`{scheme}` is no scheme of HTTP: use http or https")));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(end);
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    // Clients leave the scheme's own port out of the Host header.
    let port = if scheme == "http" { ":80" } else { ":443" };
    let host = host.strip_suffix(port).unwrap_or(host);
    Ok((Some(host.to_owned()), target))
}

fn parse_header(text: &str) -> Result<(String, Vec<u8>), Failure> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim_start().as_bytes().to_vec()))
        }
        _ => Err(Failure::usage(format!("the header `{text}` is not `Name: value`"))),
    }
}

/// A request line, headers, an empty line, the body.
fn parse_raw(text: &[u8]) -> Result<Captured, Failure> {
    let sent = as_curl_shows(text);
    let text = sent.as_deref().unwrap_or(text);
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut fields);
    let malformed = |what: &str| {
        Failure::failed(format!("the captured request cannot be read: {what}")).advise(
            "it begins with a line like `GET /orders HTTP/1.1`, then headers, then an empty line",
        )
    };
    let length = match parsed.parse(text) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Err(malformed("no empty line ends its head")),
        Err(error) => return Err(malformed(&error.to_string())),
    };
    let (_, body) = text.split_at(length);
    let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
    let (url_host, target) =
        if target == "*" { (None, target.to_owned()) } else { split_url(target)? };
    let headers: Vec<_> =
        parsed.headers.iter().map(|field| (field.name.to_owned(), field.value.to_vec())).collect();
    let mut request =
        Captured { method: method.to_owned(), target, headers, body: body.to_vec(), url_host };
    if request.header("transfer-encoding").is_some() {
        return Err(malformed("its body is in chunks")
            .advise("put the body without chunks into a file and give it with --data-file"));
    }
    // An editor adds a line end to a file; what was sent is as long as it says.
    let length = request.header("content-length").and_then(|value| std::str::from_utf8(value).ok());
    if let Some(length) = length.and_then(|text| text.trim().parse().ok()) {
        request.body.truncate(length);
    }
    Ok(request)
}

/// Of `curl -v`, what was sent: the lines that begin with `> `.
fn as_curl_shows(text: &[u8]) -> Option<Vec<u8>> {
    let is_sent = |line: &&[u8]| line.starts_with(b"> ") || line.trim_ascii_end() == b">";
    let is_shown = |line: &[u8]| line.starts_with(b"* ") || line.starts_with(b"> ");
    if !is_shown(text.trim_ascii_start()) {
        return None;
    }
    let lines = text.split(|byte| *byte == b'\n').filter(is_sent);
    let mut sent = Vec::new();
    for line in lines {
        sent.extend_from_slice(line.get(2..).unwrap_or_default().trim_ascii_end());
        sent.extend_from_slice(b"\r\n");
    }
    Some(sent)
}

fn contents(file: &Path) -> Result<Vec<u8>, Failure> {
    let name = file.display().to_string();
    let opened = std::fs::File::open(file);
    read_all(opened.map_err(|error| Failure::failed(format!("{name}: {error}")))?, &name)
}

fn read_all(from: impl std::io::Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(CAPTURE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::failed(format!("{name}: {error}")))?;
    if bytes.len() as u64 > CAPTURE_BYTES_MAX {
        return Err(Failure::failed(format!("{name} holds more than {CAPTURE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_is_read_as_it_went_over_the_wire() {
        let wire =
            b"POST /a%20b?x=1 HTTP/1.1\r\nHost: h:1\r\nX:  two \r\nContent-Length: 2\r\n\r\n{}\n";
        let request = parse_raw(wire).unwrap();
        assert_eq!((&*request.method, &*request.target), ("POST", "/a%20b?x=1"));
        assert_eq!(request.header("host"), Some(&b"h:1"[..]));
        assert_eq!(request.body, b"{}", "no longer than it says");
        let edited = String::from_utf8_lossy(wire).replace("\r\n", "\n");
        assert_eq!(parse_raw(edited.as_bytes()).unwrap(), request, "an editor's line ends");
    }

    #[test]
    fn what_curl_shows_is_a_capture_too() {
        let shown =
            "*   Trying 127.0.0.1:80...\n> GET /a HTTP/1.1\n> Host: h\n> \n< HTTP/1.1 401\n";
        let request = parse_raw(shown.as_bytes()).unwrap();
        assert_eq!((&*request.target, request.header("host")), ("/a", Some(&b"h"[..])));
    }

    #[test]
    fn urls_are_split_and_nothing_is_decoded() {
        for (url, host, target) in [
            ("http://h/a%2Fb?c=d+e#f", Some("h"), "/a%2Fb?c=d+e"),
            ("https://h:443", Some("h"), "/"),
            ("http://h:8080?a=b", Some("h:8080"), "/?a=b"),
            ("/a?b=http://c", None, "/a?b=http://c"),
        ] {
            let split = split_url(url).unwrap();
            assert_eq!((split.0.as_deref(), &*split.1), (host, target));
        }
        assert!(split_url("h/a").is_err());
        assert!(split_url("ftp://h/a").is_err());
    }
}
