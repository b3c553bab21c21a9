//! moto's server as the API of AWS KMS. It knows no gateway.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::hostile::Message;
use crate::port;
use crate::process::Process;
use crate::tools;
use crate::world::World;

/// A running server, ended when dropped; its keys are in its memory.
#[derive(Debug)]
pub struct Moto {
    endpoint: String,
    _process: Process,
    _directory: TempDir,
}

impl Moto {
    /// Starts a server with no keys.
    ///
    /// # Panics
    /// If it does not listen after a minute.
    pub fn start() -> Self {
        let directory = World::get().scratch();
        let port = port::free();
        let process = Process::start(
            &tools::tool("moto_server"),
            &["-H", "127.0.0.1", "-p", &port.to_string()],
            &directory.path().join("moto.log"),
        );
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                started.elapsed() < START_LIMIT,
                "moto does not listen:\n{}",
                process.log_end()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            endpoint: format!("http://127.0.0.1:{port}"),
            _process: process,
            _directory: directory,
        }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes a symmetric key; gives its ARN.
    ///
    /// # Panics
    /// If it is not made.
    pub fn create_key(&self) -> String {
        let mut request = Message {
            start: "POST / HTTP/1.0".to_owned(),
            ..Message::default()
        };
        request.set("host", "kms.eu-central-1.amazonaws.com");
        request.set("x-amz-target", "TrentService.CreateKey");
        request.set("content-type", "application/x-amz-json-1.1");
        // moto takes the region from the credential's scope.
        request.set(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=T/20261126/eu-central-1/kms/aws4_request, SignedHeaders=host, Signature=0",
        );
        request.set_body(b"{}".to_vec());
        let address = self.endpoint.trim_start_matches("http://");
        let stream = TcpStream::connect(address).expect("moto listens");
        request.write(&stream).expect("moto takes a request");
        let answer = Message::read_answer(&stream, false).expect("moto answers");
        let answer: serde_json::Value =
            serde_json::from_slice(&answer.body).expect("moto answers in JSON");
        let arn = answer
            .pointer("/KeyMetadata/Arn")
            .and_then(serde_json::Value::as_str);
        arn.expect("a new key has an ARN").to_owned()
    }
}

const START_LIMIT: Duration = Duration::from_mins(1);
