//! An HTTP server of one file on the loopback, with every fault that a real one has.

#![allow(dead_code, reason = "each test program uses its part")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Honours ranges, and `If-Range` by the tag.
    Good,
    /// Always sends all of the file, from its start.
    WithoutRanges,
    /// Sends at most so many bytes a connection and promises all.
    BreaksOff(usize),
    /// The same, and without ranges.
    BreaksOffWithoutRanges(usize),
    Says(u16),
    /// To another address of this server, so many times.
    Redirects(u32),
}

/// Serves until the test ends.
pub struct Server {
    port: u16,
    state: Arc<Mutex<State>>,
}

struct State {
    file: Vec<u8>,
    tag: String,
    manner: Manner,
    /// The `Range` of each request, or an empty text.
    asked: Vec<String>,
}

impl Server {
    pub fn of(file: &[u8], manner: Manner) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { file: file.to_vec(), tag: "\"one\"".into(), manner, asked: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever hangs up early is no fault of the server's.
                let _ = answer(stream, &shared);
            }
        });
        Server { port, state }
    }

    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    pub fn behave(&self, manner: Manner) {
        self.state.lock().unwrap().manner = manner;
    }

    /// Another file takes the place of the first.
    pub fn replace(&self, file: &[u8], tag: &str) {
        let mut state = self.state.lock().unwrap();
        (state.file, state.tag) = (file.to_vec(), tag.into());
    }

    /// The ranges asked for since the last look.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }
}

struct Request {
    path: String,
    range: String,
    if_range: String,
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or(Ok(String::new()))?;
    let path = first.split(' ').nth(1).unwrap_or("/").to_string();
    let mut request = Request { path, range: String::new(), if_range: String::new() };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = value.to_string(),
            "if-range" => request.if_range = value.to_string(),
            _ => {}
        }
    }
    Ok(request)
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let request = read(&stream)?;
    let mut state = state.lock().unwrap();
    state.asked.push(request.range.clone());
    let (file, tag) = (&state.file, &state.tag);
    let turns: u32 = request.path.rsplit("turn-").next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let (ranges, most) = match state.manner {
        Manner::Says(code) => {
            return empty(&mut stream, &format!("{code} No"));
        }
        Manner::Redirects(times) if turns < times => {
            return empty(&mut stream, &format!("302 Found\r\nLocation: /turn-{}", turns + 1));
        }
        Manner::Good | Manner::Redirects(_) => (true, usize::MAX),
        Manner::WithoutRanges => (false, usize::MAX),
        Manner::BreaksOff(most) => (true, most),
        Manner::BreaksOffWithoutRanges(most) => (false, most),
    };
    let start = request.range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')?.parse().ok());
    let start = start.filter(|_| ranges && (request.if_range.is_empty() || request.if_range == *tag));
    let total = file.len();
    let (status, start) = match start {
        Some(start) if start >= total => {
            return empty(&mut stream, &format!("416 No\r\nContent-Range: bytes */{total}"));
        }
        Some(start) => (format!("206 Part\r\nContent-Range: bytes {start}-{}/{total}", total - 1), start),
        None => ("200 OK".to_string(), 0),
    };
    let length = total - start;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nETag: {tag}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&file[start..start + length.min(most)])
}

fn empty(stream: &mut TcpStream, status: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
