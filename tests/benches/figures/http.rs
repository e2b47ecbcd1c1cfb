//! The other ends of the wire, as small as they can be, so that what is measured is fillsync.
//!
//! Plain threads and blocking sockets on loopback: a client that keeps its connection, a server that
//! answers each request by a function, and a forwarder that stands between the daemon and a fake and
//! notes when an answer with a certain text left for the daemon.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A request or an answer.
pub struct Message {
    /// The first line.
    pub first: String,
    /// The other lines of the head, as they came.
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

impl Message {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Path and query of a request.
    pub fn target(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or("")
    }

    pub fn status(&self) -> u16 {
        self.first
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes =
            format!("{}\r\n{}\r\n\r\n", self.first, self.headers.join("\r\n")).into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Reads one message with a `content-length`; none when the other end is gone.
fn receive(from: &mut BufReader<TcpStream>) -> Option<Message> {
    let mut line = || {
        let mut text = String::new();
        (from.read_line(&mut text).ok()? > 0).then(|| text.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = Vec::new();
    loop {
        match line()? {
            empty if empty.is_empty() => break,
            header => headers.push(header),
        }
    }
    let mut message = Message {
        first,
        headers,
        body: Vec::new(),
    };
    let length = message
        .header("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    message.body.resize(length, 0);
    from.read_exact(&mut message.body).ok()?;
    Some(message)
}

/// A client that keeps its connection.
pub struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    pub fn connect(to: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            reader: BufReader::new(stream),
        })
    }

    pub fn get(&mut self, target: &str, headers: &[(&str, String)]) -> Option<Message> {
        let mut request = format!("GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        self.reader.get_mut().write_all(request.as_bytes()).ok()?;
        receive(&mut self.reader)
    }
}

/// Serves until the process ends; each request is answered by `answer` with a JSON body.
pub fn serve(answer: impl Fn(Message, Instant) -> Vec<u8> + Send + Sync + 'static) -> SocketAddr {
    let answer = Arc::new(answer);
    listen(move |mut reader| {
        while let Some(request) = receive(&mut reader) {
            let body = answer(request, Instant::now());
            let mut bytes = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            )
            .into_bytes();
            bytes.extend_from_slice(&body);
            if reader.get_mut().write_all(&bytes).is_err() {
                break;
            }
        }
    })
}

fn listen(talk: impl Fn(BufReader<TcpStream>) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let talk = Arc::new(talk);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let talk = Arc::clone(&talk);
            std::thread::spawn(move || {
                let _ = stream.set_nodelay(true);
                talk(BufReader::new(stream));
            });
        }
    });
    address
}

/// What a forwarder looks for.
#[derive(Clone, Default)]
pub struct Lookout(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    path: &'static str,
    text: String,
    at: Option<Instant>,
    next: Option<Instant>,
}

impl Lookout {
    /// Looks for the first answer to `path` that contains `text`.
    pub fn look_for(&self, path: &'static str, text: &str) {
        let mut seen = self.0.lock().unwrap();
        seen.path = path;
        seen.text = text.to_owned();
        seen.at = None;
        seen.next = None;
    }

    /// When it left for the daemon.
    pub fn seen_at(&self) -> Option<Instant> {
        self.0.lock().unwrap().at
    }

    /// When the next answer to the same path left: the page that ends the traversal.
    pub fn next_at(&self) -> Option<Instant> {
        self.0.lock().unwrap().next
    }

    fn note(&self, target: &str, answer: &Message) {
        let mut seen = self.0.lock().unwrap();
        if seen.text.is_empty() || !target.starts_with(seen.path) {
            return;
        }
        let body = std::str::from_utf8(&answer.body).unwrap_or("");
        if seen.at.is_none() && body.contains(&seen.text) {
            seen.at = Some(Instant::now());
        } else if seen.at.is_some() && seen.next.is_none() {
            seen.next = Some(Instant::now());
        }
    }
}

/// Stands in front of a fake; what is looked for is noted just before the answer goes on.
pub fn forward(to: SocketAddr) -> (SocketAddr, Lookout) {
    let lookout = Lookout::default();
    let noted = lookout.clone();
    let address = listen(move |mut reader| {
        let Ok(upstream) = TcpStream::connect(to) else {
            return;
        };
        let _ = upstream.set_nodelay(true);
        let mut upstream = BufReader::new(upstream);
        while let Some(request) = receive(&mut reader) {
            if upstream.get_mut().write_all(&request.bytes()).is_err() {
                break;
            }
            let Some(answer) = receive(&mut upstream) else {
                break;
            };
            noted.note(request.target(), &answer);
            if reader.get_mut().write_all(&answer.bytes()).is_err() {
                break;
            }
        }
    });
    (address, lookout)
}

/// Waits until something is there; the bound is only for what will never come.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(
        Duration::from_secs(30),
        Duration::from_micros(200),
        what,
        look,
    )
}

/// As [`eventually`], with another bound and another time from look to look.
pub fn eventually_within<T>(
    bound: Duration,
    every: Duration,
    what: &str,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let until = Instant::now() + bound;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} did not come");
        std::thread::sleep(every);
    }
}
