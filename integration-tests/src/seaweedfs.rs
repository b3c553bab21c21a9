//! A real S3 store: one SeaweedFS on loopback ports of its own. It knows nothing of the gateway.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::authority::Authority;
use crate::client::Credentials;
use crate::port;
use crate::process::Process;
use crate::tools;

/// A running SeaweedFS and its first account.
#[derive(Debug)]
pub struct SeaweedFs {
    endpoint: String,
    secure_endpoint: String,
    credentials: Credentials,
    data: PathBuf,
    // Held for its Drop; a store in a static ends with the test binary instead.
    _process: Process,
}

impl SeaweedFs {
    /// Starts a store with its data in `directory` and a certificate of `authority`, and waits until it
    /// answers S3.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn start(directory: &Path, authority: &Authority) -> Self {
        let credentials = Credentials::new("STOREACCESSKEY", "store-secret-for-tests-only");
        Self::start_for(directory, authority, &[("tests", &credentials)])
    }

    /// The same for several accounts, each with a name; every one may do everything.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log, or if there is no account.
    pub fn start_for(
        directory: &Path,
        authority: &Authority,
        accounts: &[(&str, &Credentials)],
    ) -> Self {
        let data = directory.join("data");
        fs::create_dir_all(&data).expect("the store's directory can be made");
        let (_, first) = accounts.first().expect("a store has an account");
        let credentials = (*first).clone();
        let file = directory.join("s3.json");
        fs::write(&file, accounts_for(accounts).to_string()).expect("a file can be written");

        let (s3, https) = (port::free(), port::free());
        let mut arguments = arguments(&data, &file, s3);
        let pair = authority.issue(directory);
        arguments.push(format!("-s3.port.https={https}"));
        arguments.push(format!("-s3.cert.file={}", pair.certificate.display()));
        arguments.push(format!("-s3.key.file={}", pair.key.display()));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let log = directory.join("weed.log");
        let mut process = Process::start(&tools::tool("weed"), &arguments, &log);
        process.wait_for(START_LIMIT, |_| answers(s3).then_some(()));
        Self {
            endpoint: format!("http://127.0.0.1:{s3}"),
            secure_endpoint: format!("https://127.0.0.1:{https}"),
            credentials,
            data,
            _process: process,
        }
    }

    /// Where S3 is answered.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where S3 is answered over TLS.
    pub fn secure_endpoint(&self) -> &str {
        &self.secure_endpoint
    }

    /// The first of the accounts, each of which may do everything.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The directory with every byte the store keeps.
    pub fn data(&self) -> &Path {
        &self.data
    }
}

fn accounts_for(accounts: &[(&str, &Credentials)]) -> serde_json::Value {
    let identity = |(name, credentials): &(&str, &Credentials)| {
        json!({
            "name": name,
            "account": { "id": name, "displayName": name },
            "credentials": [{
                "accessKey": credentials.access_key_id(),
                "secretKey": credentials.secret_access_key(),
            }],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        })
    };
    let identities: Vec<serde_json::Value> = accounts.iter().map(identity).collect();
    json!({ "identities": identities })
}

fn arguments(data: &Path, accounts: &Path, s3: u16) -> Vec<String> {
    let mut arguments: Vec<String> = FIXED.iter().map(ToString::to_string).collect();
    arguments.push(format!("-dir={}", data.display()));
    arguments.push(format!("-s3.config={}", accounts.display()));
    arguments.push(format!("-s3.port={s3}"));
    for port in PORTS {
        arguments.push(format!("-{port}={}", port::free()));
    }
    arguments
}

/// Whether the store behind `port` is ready for requests: it refuses an anonymous listing of buckets
/// once its accounts are loaded, and answers 5xx or nothing before.
fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.write_all(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(String::from_utf8_lossy(&head).into_owned())
    };
    ask().is_ok_and(|head| head.ends_with(" 403"))
}

// Every bucket takes seven volumes, so many small ones; telemetry and the parts of the server that
// nobody asks for stay off.
const FIXED: [&str; 11] = [
    "server",
    "-s3",
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-volume.max=2000",
    "-master.volumeSizeLimitMB=128",
    "-master.telemetry=false",
    "-s3.allowDeleteBucketNotEmpty=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-volume.minFreeSpace=1GiB",
];
const PORTS: [&str; 7] = [
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
];
const START_LIMIT: Duration = Duration::from_mins(2);
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
