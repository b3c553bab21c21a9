//! A real NATS server with JetStream, and a client of its text protocol that is enough to make a stream and read it. It
//! knows no gateway.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::port;
use crate::process::Process;
use crate::tools;
use crate::world::World;

/// A running server, ended when dropped.
#[derive(Debug)]
pub struct Nats {
    port: u16,
    process: Process,
    directory: TempDir,
}

/// A message as a stream keeps it.
#[derive(Debug)]
pub struct Message {
    /// Its subject.
    pub subject: String,
    /// Its headers, as they were sent.
    pub headers: String,
    /// Its content.
    pub data: String,
}

impl Nats {
    /// Starts a server that syncs each message.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start() -> Self {
        let directory = World::get().scratch();
        let port = port::free();
        let store = directory.path().join("jetstream").display().to_string();
        let config = format!(
            "listen: 127.0.0.1:{port}\njetstream {{ store_dir: \"{store}\", sync_interval: always }}\n"
        );
        fs::write(directory.path().join("nats.conf"), config).expect("a file can be written");
        let process = run(directory.path(), port);
        Self {
            port,
            process,
            directory,
        }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on what it has stored.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = run(self.directory.path(), self.port);
    }

    /// Makes a stream of all subjects below `subject`.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn create_stream(&self, name: &str, subject: &str) {
        let config = json!({
            "name": name, "subjects": [format!("{subject}.>")], "storage": "file", "num_replicas": 1,
            "retention": "limits", "discard": "new", "duplicate_window": 120_000_000_000_u64,
        });
        let answer = self.ask(&format!("$JS.API.STREAM.CREATE.{name}"), &config);
        assert!(answer.get("error").is_none(), "{answer}");
    }

    /// All messages of a stream, in its order.
    ///
    /// # Panics
    /// If the server does not give them.
    pub fn messages(&self, stream: &str) -> Vec<Message> {
        let mut client = self.client();
        let info = client.ask(&format!("$JS.API.STREAM.INFO.{stream}"), &json!({}));
        let last = info.pointer("/state/last_seq").and_then(Value::as_u64);
        let get = format!("$JS.API.STREAM.MSG.GET.{stream}");
        (1..=last.expect("a stream has a state"))
            .map(|seq| {
                let answer = client.ask(&get, &json!({ "seq": seq }));
                let text = |at: &str| answer.pointer(at).and_then(Value::as_str).unwrap_or("");
                let decoded = |at: &str| {
                    let bytes = STANDARD.decode(text(at)).expect("it is base64");
                    String::from_utf8(bytes).expect("it is text")
                };
                Message {
                    subject: text("/message/subject").to_owned(),
                    headers: decoded("/message/hdrs"),
                    data: decoded("/message/data"),
                }
            })
            .collect()
    }

    fn ask(&self, subject: &str, question: &Value) -> Value {
        self.client().ask(subject, question)
    }

    fn client(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens");
        let mut client = Client {
            reader: BufReader::new(stream),
        };
        client.line();
        client.send("CONNECT {\"verbose\":false}\r\nSUB _INBOX.test 1\r\n");
        client
    }
}

fn run(directory: &Path, port: u16) -> Process {
    let config = directory.join("nats.conf").display().to_string();
    let log = directory.join("nats.log");
    let process = Process::start(&tools::tool("nats-server"), &["-c", &config], &log);
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let end = process.log_end();
        assert!(
            started.elapsed() < START_LIMIT,
            "it does not listen:\n{end}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    process
}

struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    fn ask(&mut self, subject: &str, question: &Value) -> Value {
        let question = question.to_string();
        let length = question.len();
        self.send(&format!(
            "PUB {subject} _INBOX.test {length}\r\n{question}\r\n"
        ));
        loop {
            let line = self.line();
            if line.starts_with("PING") {
                self.send("PONG\r\n");
            } else if let Some(message) = line.strip_prefix("MSG ") {
                let length = message.split_whitespace().last();
                let length: usize = length
                    .and_then(|length| length.parse().ok())
                    .expect("a length");
                let mut answer = vec![0; length + 2];
                self.reader.read_exact(&mut answer).expect("it is sent");
                return serde_json::from_slice(&answer).expect("the API answers in JSON");
            }
        }
    }

    fn send(&mut self, text: &str) {
        let stream = self.reader.get_mut();
        stream.write_all(text.as_bytes()).expect("it takes that");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("it answers");
        line
    }
}

const START_LIMIT: Duration = Duration::from_mins(1);
