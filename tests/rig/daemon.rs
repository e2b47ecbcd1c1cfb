//! The daemon as a process: what it says, what it answers, and how it ends.
//!
//! It binds port 0 and says in its log where; everything that it writes is kept, and printed when a
//! test fails. Deliberately absent: anything that reaches into its memory.

use super::{PATIENCE, eventually, so};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

/// The daemon as a process; killed when it is dropped.
pub struct Daemon {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Daemon {
    /// Starts a command and collects what it writes.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        for stream in [
            Box::new(child.stderr.take().unwrap()) as Box<dyn std::io::Read + Send>,
            Box::new(child.stdout.take().unwrap()),
        ] {
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut log = log.lock().unwrap();
                    log.push_str(&line);
                    log.push('\n');
                }
            });
        }
        Self { child, log }
    }

    /// Everything that it wrote so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The log's lines with this event.
    pub fn events(&self, event: &str) -> Vec<Value> {
        self.log()
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["event"] == event)
            .collect()
    }

    /// Waits for a line of the log with this event.
    pub fn wait_for_event(&self, event: &str) -> Value {
        eventually(&format!("an event {event}"), || {
            self.events(event).pop().ok_or_else(|| self.log())
        })
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        let started = self.wait_for_event("started");
        started["address"].as_str().unwrap().to_owned()
    }

    /// Asks over HTTP.
    pub fn ask(&self, path: &str) -> (u16, String) {
        self.ask_with(path, "")
    }

    /// Asks over HTTP with more headers, each with its line end.
    pub fn ask_with(&self, path: &str, headers: &str) -> (u16, String) {
        let address = self.address();
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer[9..12].parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (status, body.to_owned())
    }

    /// Asks for JSON; the answer must be a good one.
    pub fn json(&self, path: &str) -> Value {
        let (status, body) = self.ask(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }

    /// The newest cycle's counts: detected, shown, truth of main and of mirror.
    pub fn counts(&self, symbol: &str) -> Option<[(u64, u64, String); 2]> {
        let answer = self.json(&format!("/counts?symbol={symbol}"));
        let newest = answer["counts"].as_array()?.first()?.clone();
        let of = |name: &str| {
            let account = newest["accounts"]
                .as_array()?
                .iter()
                .find(|account| account["account"] == name)?;
            Some((
                account["detected"].as_u64()?,
                account["shown"].as_u64()?,
                account["truth"].as_str()?.to_owned(),
            ))
        };
        Some([of("main")?, of("mirror")?])
    }

    /// Waits until the newest cycle detects and shows this: `[(detected, shown); main, mirror]`.
    pub fn wait_for_counts(&self, symbol: &str, wanted: [(u64, u64); 2]) {
        eventually(&format!("counts {wanted:?}"), || {
            let counts = self.counts(symbol);
            let have = counts
                .as_ref()
                .map(|counts| [(counts[0].0, counts[0].1), (counts[1].0, counts[1].1)]);
            so(have == Some(wanted), counts)
        });
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(status.success(), "kill -{signal} failed");
    }

    /// Asks it to end, and waits until it did.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Waits until it ended by itself.
    pub fn wait(&mut self) -> ExitStatus {
        eventually("the daemon ends", || {
            self.child
                .try_wait()
                .unwrap()
                .ok_or_else(|| "it still runs".to_owned())
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(20_000);
            let tail = log.get(from..).unwrap_or(&log);
            std::io::stderr()
                .write_all(format!("--- the daemon's log ---\n{tail}\n").as_bytes())
                .unwrap_or(());
        }
    }
}
