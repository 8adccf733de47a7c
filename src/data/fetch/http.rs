//! A file over HTTP into a file, going on where an earlier try broke off, as long as the server has the same file.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use super::Progress;
use super::space::{cannot_write, check_room};

/// Tries that may break off without a byte more, before it is given up.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);
const CONNECT: Duration = Duration::from_secs(30);
/// Silence of a server that is taken for its end.
const SILENCE: Duration = Duration::from_secs(60);

/// Of what a part is the beginning; kept beside it.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Note {
    url: String,
    sha256: String,
    /// What tells the server whether its file is still the same: its `ETag`, or when it was last modified.
    tag: Option<String>,
    bytes: Option<u64>,
}

/// Why a try ended before the file was whole.
enum Trouble {
    /// Another try may go on.
    Broken(anyhow::Error),
    /// The beginning that is here is of no use.
    Changed,
    Final(anyhow::Error),
}

/// Downloads to `part`, beginning where `part` ends. Its digest is the caller's to check.
pub fn download(url: &str, sha256: &str, part: &Path, tell: &mut dyn FnMut(Progress)) -> Result<()> {
    let agent = agent()?;
    let (mut failures, mut restarted) = (0, false);
    loop {
        let before = beginning(part, url, sha256).0;
        match attempt(&agent, url, sha256, part, tell) {
            Ok(()) => return Ok(()),
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Changed) if restarted => bail!("`{url}` gives another file at every try"),
            Err(Trouble::Changed) => {
                restarted = true;
                forget(part);
            }
            Err(Trouble::Broken(error)) => {
                let moved = beginning(part, url, sha256).0 > before;
                failures = if moved { 1 } else { failures + 1 };
                if failures >= TRIES {
                    return Err(error);
                }
                sleep(PAUSE * failures);
            }
        }
    }
}

/// Removes a part and what is known of it.
pub fn forget(part: &Path) {
    let _ = fs::remove_file(part);
    let _ = fs::remove_file(note_path(part));
}

fn note_path(part: &Path) -> PathBuf {
    let name = part.file_name().unwrap_or_default().to_string_lossy();
    part.with_file_name(format!("{name}.json"))
}

fn agent() -> Result<Agent> {
    let config = Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots()?).build())
        .user_agent(concat!("pipeline/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE));
    Ok(config.build().new_agent())
}

/// Whom to trust: Mozilla's list, or that of `SSL_CERT_FILE`, which machines behind a company's proxy set.
fn roots() -> Result<RootCerts> {
    let Some(path) = std::env::var_os("SSL_CERT_FILE") else { return Ok(RootCerts::WebPki) };
    let shown = Path::new(&path).display();
    let text =
        fs::read(&path).with_context(|| format!("cannot read `{shown}`, which `SSL_CERT_FILE` names"))?;
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    };
    let trusted: Vec<_> = parse_pem(&text).filter_map(certificate).collect();
    Ok(RootCerts::from(trusted))
}

/// Bytes that are here of exactly this file, and what is known of it.
fn beginning(part: &Path, url: &str, sha256: &str) -> (u64, Note) {
    let fresh = || (0, Note { url: url.into(), sha256: sha256.into(), ..Note::default() });
    let note = fs::read(note_path(part)).ok().and_then(|text| serde_json::from_slice::<Note>(&text).ok());
    let Some(note) = note.filter(|note| note.url == url && note.sha256 == sha256) else { return fresh() };
    match fs::metadata(part) {
        Ok(metadata) => (metadata.len(), note),
        Err(_) => fresh(),
    }
}

fn attempt(
    agent: &Agent,
    url: &str,
    sha256: &str,
    part: &Path,
    tell: &mut dyn FnMut(Progress),
) -> Result<(), Trouble> {
    let (have, note) = beginning(part, url, sha256);
    if have > 0 && note.bytes == Some(have) {
        return Ok(());
    }
    let mut request = agent.get(url);
    if have > 0 {
        request = request.header(header::RANGE, format!("bytes={have}-"));
        if let Some(tag) = &note.tag {
            request = request.header(header::IF_RANGE, tag);
        }
    }
    let response = request.call().map_err(|error| cannot_connect(url, error))?;
    let (start, total) = what_comes(url, &response, have, &note)?;
    let Some(start) = start else { return Ok(()) };
    check_room(part, total.unwrap_or(start).saturating_sub(start)).map_err(Trouble::Final)?;
    let new = Note { tag: tag_of(response.headers()), bytes: total, ..note };
    let mut file = open(part, start, &new).map_err(Trouble::Final)?;
    receive(url, response, &mut file, part, start, total, tell)
}

/// Where the bytes that come belong and how many the whole file has; no place where all are here.
fn what_comes(
    url: &str,
    response: &Response<Body>,
    have: u64,
    note: &Note,
) -> Result<(Option<u64>, Option<u64>), Trouble> {
    let headers = response.headers();
    match response.status() {
        StatusCode::OK => Ok((Some(0), length_of(headers))),
        StatusCode::PARTIAL_CONTENT => {
            let (start, total) = range_of(headers).ok_or_else(|| {
                Trouble::Final(anyhow!("`{url}` sends a part of its file and does not say which"))
            })?;
            let same = start == have && (note.bytes.is_none() || total.is_none() || note.bytes == total);
            if same { Ok((Some(start), total)) } else { Err(Trouble::Changed) }
        }
        // Asked for what follows the last byte.
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => {
            let whole = header_text(headers, header::CONTENT_RANGE)
                .and_then(|range| range.strip_prefix("bytes */"))
                .and_then(|total| total.parse().ok());
            if whole == Some(have) { Ok((None, whole)) } else { Err(Trouble::Changed) }
        }
        status => {
            let error = anyhow!("`{url}` cannot be had: the server says {status}\nhint: {}", advice(status));
            let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            Err(if passing { Trouble::Broken(error) } else { Trouble::Final(error) })
        }
    }
}

fn advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "it may want a login: download it by hand and name it with `path`",
        404 | 410 => "check `url` in `pipeline.toml`",
        429 | 500.. => "try again later",
        _ => "check `url` in `pipeline.toml`: it must be the address of the file itself",
    }
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn length_of(headers: &HeaderMap) -> Option<u64> {
    header_text(headers, header::CONTENT_LENGTH)?.trim().parse().ok()
}

/// First byte and whole length of `bytes 100-199/1000`.
fn range_of(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) =
        header_text(headers, header::CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

/// A weak tag does not promise the same bytes.
fn tag_of(headers: &HeaderMap) -> Option<String> {
    let tag = header_text(headers, header::ETAG).filter(|tag| !tag.starts_with("W/"));
    tag.or_else(|| header_text(headers, header::LAST_MODIFIED)).map(str::to_string)
}

/// The part, ready for the byte at `start`. Its note is written first: a part without one is of no use.
fn open(part: &Path, start: u64, note: &Note) -> Result<File> {
    let text = serde_json::to_vec(note).context("a note is text and numbers")?;
    let file = OpenOptions::new().append(true).create(true).open(part);
    let file = file.map_err(|error| cannot_write(part, error))?;
    file.set_len(start).map_err(|error| cannot_write(part, error))?;
    fs::write(note_path(part), text).map_err(|error| cannot_write(part, error))?;
    Ok(file)
}

fn receive(
    url: &str,
    response: Response<Body>,
    file: &mut File,
    part: &Path,
    start: u64,
    total: Option<u64>,
    tell: &mut dyn FnMut(Progress),
) -> Result<(), Trouble> {
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 17];
    let mut here = start;
    let broke = |here: u64, why: String| {
        let of = total.map_or(String::new(), |total| format!(" of {total}"));
        Trouble::Broken(anyhow!(
            "`{url}` broke off after {here} bytes{of}: {why}\nhint: fetch again: it goes on where it stopped"
        ))
    };
    loop {
        tell(Progress::Loaded(here, total));
        let read = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(broke(here, error.to_string())),
        };
        file.write_all(&buffer[..read]).map_err(|error| Trouble::Final(cannot_write(part, error)))?;
        here += read as u64;
    }
    if total.is_some_and(|total| here < total) {
        return Err(broke(here, "the connection was closed".into()));
    }
    file.sync_all().map_err(|error| Trouble::Final(cannot_write(part, error)))
}

fn cannot_connect(url: &str, error: ureq::Error) -> Trouble {
    let told = |why: &str, hint: &str| anyhow!("`{url}` cannot be reached: {why}\nhint: {hint}");
    let network = "check the network, the proxy of `https_proxy` and the certificates of `SSL_CERT_FILE`";
    match error {
        ureq::Error::HostNotFound => Trouble::Final(told("there is no such host", network)),
        ureq::Error::TooManyRedirects => {
            Trouble::Final(told("it leads from one address to the next", "check `url`"))
        }
        ureq::Error::BadUri(why) => Trouble::Final(told(&why, "check `url`")),
        error @ (ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::Protocol(_)) => {
            Trouble::Broken(told(&error.to_string(), network))
        }
        error => Trouble::Final(told(&error.to_string(), network)),
    }
}
