//! Runs a real S3 client to its end. It knows how clients are told where to go, and no S3.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::tools;

/// One S3 account, as a client holds it.
#[derive(Clone)]
pub struct Credentials {
    access_key_id: String,
    secret_access_key: String,
}

impl Credentials {
    /// An account from its two parts.
    pub fn new(access_key_id: &str, secret_access_key: &str) -> Self {
        Self {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
        }
    }

    /// The public part.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The secret part.
    pub fn secret_access_key(&self) -> &str {
        &self.secret_access_key
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Credentials")
            .field(&self.access_key_id)
            .finish()
    }
}

/// A place that speaks S3 and an account there: what a client needs to know.
#[derive(Debug, Clone)]
pub struct Account {
    /// The URL clients are pointed at.
    pub endpoint: String,
    /// Who the client is.
    pub credentials: Credentials,
    /// Whom the client trusts to vouch for the place, where it is reached by TLS.
    pub authority: Option<PathBuf>,
}

impl Account {
    /// The same place, for somebody else.
    #[must_use]
    pub fn with(&self, credentials: Credentials) -> Self {
        Self {
            endpoint: self.endpoint.clone(),
            credentials,
            authority: self.authority.clone(),
        }
    }

    /// Runs a Python client of `integration-tests/clients` and returns what it printed.
    ///
    /// # Panics
    /// If the script fails, with what it wrote.
    pub fn run_script(&self, script: &str, arguments: &[&str]) -> String {
        finished(self.script(script, arguments))
    }

    /// Runs aws-cli in `directory` and returns what it printed.
    ///
    /// # Panics
    /// If it fails, with what it wrote.
    pub fn run_aws(&self, directory: &Path, arguments: &[&str]) -> String {
        self.run("aws", directory, arguments, &[])
    }

    /// Runs a pinned program in `directory`, with more in its environment, and returns what it printed.
    ///
    /// # Panics
    /// If it fails, with what it wrote.
    pub fn run(
        &self,
        tool: &str,
        directory: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> String {
        let mut command = self.command(tool);
        command
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(directory);
        finished(command)
    }

    /// Runs rclone in `directory`, the account being its remote `s3:` of the preset `provider`, and
    /// returns what it printed.
    ///
    /// # Panics
    /// If it fails, with what it wrote.
    pub fn run_rclone(&self, directory: &Path, provider: &str, arguments: &[&str]) -> String {
        let mut command = self.command("rclone");
        command
            .args(["--config", "/dev/null", "--verbose"])
            .args(arguments)
            .current_dir(directory)
            .env("RCLONE_CONFIG_S3_TYPE", "s3")
            .env("RCLONE_CONFIG_S3_PROVIDER", provider)
            .env("RCLONE_CONFIG_S3_ENV_AUTH", "true")
            .env("RCLONE_CONFIG_S3_ENDPOINT", &self.endpoint);
        finished(command)
    }

    /// Runs s3cmd in `directory` and returns what it printed.
    ///
    /// # Panics
    /// If it fails, with what it wrote.
    pub fn run_s3cmd(&self, directory: &Path, arguments: &[&str]) -> String {
        let (_, host) = self.endpoint.split_once("://").expect("a URL has a scheme");
        let mut command = self.command("s3cmd");
        match &self.authority {
            Some(file) => command.arg(format!("--ca-certs={}", file.display())),
            None => command.arg("--no-ssl"),
        };
        command
            .args(["--config", "/dev/null", "--no-progress"])
            .arg(format!("--host={host}"))
            .arg(format!("--host-bucket={host}"))
            .args(arguments)
            .current_dir(directory);
        finished(command)
    }

    /// A Python client, not started yet, for a caller that does not wait for its end.
    pub fn script(&self, script: &str, arguments: &[&str]) -> Command {
        let mut command = self.command("python");
        command.arg(tools::script(script)).args(arguments);
        command
    }

    /// A pinned program that finds this account in its environment and nothing else there.
    fn command(&self, tool: &str) -> Command {
        self.program(&tools::tool(tool))
    }

    /// The same for a program of the machine.
    pub fn program(&self, path: &Path) -> Command {
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=5", CLIENT_SECONDS])
            .arg(path)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C.UTF-8")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", &self.credentials.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.credentials.secret_access_key)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null());
        if let Some(file) = &self.authority {
            // For what botocore is in, for OpenSSL's, Rust's and Go's clients, and for Node.
            command
                .env("AWS_CA_BUNDLE", file)
                .env("SSL_CERT_FILE", file)
                .env("NODE_EXTRA_CA_CERTS", file);
        }
        command
    }
}

/// Waits for `command` and returns its standard output.
///
/// # Panics
/// If it does not start or does not end well, with what it wrote.
pub fn finished(mut command: Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    assert!(
        status.success(),
        "{:?}: {status}\n{stdout}\n{}",
        command.get_args().collect::<Vec<_>>(),
        String::from_utf8_lossy(&stderr)
    );
    stdout
}

// Long enough for a gigabyte on a busy machine, short enough that a hang fails the run.
const CLIENT_SECONDS: &str = "600";
