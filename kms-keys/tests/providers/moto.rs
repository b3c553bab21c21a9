//! moto's server as the API of AWS KMS, ended when dropped. It knows no provider.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

pub(super) struct Moto {
    process: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Moto {
    pub(super) fn start() -> Self {
        let program = tools().join("moto_server");
        assert!(
            program.is_file(),
            "the test tool moto_server is missing at {}; `cargo xtask tools` fetches it",
            program.display()
        );
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let log = File::create(directory.path().join("log")).unwrap();
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let moto = Self {
            process,
            port,
            _directory: directory,
        };
        // Python takes its time on a busy machine.
        for _ in 0..1200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return moto;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("moto does not listen after a minute");
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A new symmetric key's ARN.
    pub(super) fn create_key(&self) -> String {
        let answer = self.ask("CreateKey", "{}");
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        answer["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    }

    /// The answer's body to one call of the API.
    pub(super) fn ask(&self, action: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: kms.eu-central-1.amazonaws.com\r\nConnection: close\r\n\
             X-Amz-Target: TrentService.{action}\r\nContent-Type: application/x-amz-json-1.1\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=T/20261126/eu-central-1/kms/aws4_request, \
             SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        body.to_owned()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `SEALGATE_TOOLS`, or where `cargo xtask tools` puts the programs.
fn tools() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests are told their programs by cargo xtask; the ban is for the product"
    )]
    let named = std::env::var_os("SEALGATE_TOOLS").map(PathBuf::from);
    named.unwrap_or_else(|| {
        let test = std::env::current_exe().unwrap();
        let target = test
            .ancestors()
            .find(|directory| directory.join("CACHEDIR.TAG").is_file())
            .unwrap();
        target.join("tools/bin")
    })
}
