//! The gateway as a user runs it: `sealgate dev` or `sealgate serve`, a real process with its own
//! data. It knows the command line and the configuration file, and none of the gateway's code.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::ahead;
use crate::client::{Account, Credentials, finished};
use crate::failing_disk::FailingDisk;
use crate::hostile::Message;
use crate::process::Process;
use crate::tools;
use crate::world::World;

/// Where a gateway keeps its sealed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    /// The bucket inside the gateway's own process.
    Embedded,
    /// The world's SeaweedFS.
    SeaweedFs,
}

/// One credential of a configuration file.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Whose data: the tenant's id.
    pub tenant: &'static str,
    /// The name the trail gives this principal.
    pub name: &'static str,
    /// `tenant-admin`, `writer`, `reader` or `uploader`.
    pub role: &'static str,
    /// What its client signs with.
    pub credentials: Credentials,
}

impl Principal {
    /// A principal whose credentials follow from its name.
    pub fn new(tenant: &'static str, name: &'static str, role: &'static str) -> Self {
        let id = name.replace('-', "").to_uppercase();
        Self {
            tenant,
            name,
            role,
            credentials: Credentials::new(
                &format!("TEST{id}"),
                &format!("secret-of-{name}-for-tests-only"),
            ),
        }
    }
}

/// A running gateway and its data, ended and removed when dropped.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    arguments: Vec<String>,
    account: Account,
    upstream: Upstream,
    /// How far its clock is ahead of the machine's.
    ahead: Duration,
    /// What its environment has besides.
    environment: Vec<String>,
    directory: TempDir,
}

impl Gateway {
    /// A gateway over `upstream` as a newcomer meets it: `dev` for the embedded bucket, `serve` with
    /// one tenant and its administrator for SeaweedFS.
    pub fn start(upstream: Upstream) -> Self {
        match upstream {
            Upstream::Embedded => Self::dev(),
            Upstream::SeaweedFs => Self::serve(
                upstream,
                &[Principal::new("demo", "demo-admin", "tenant-admin")],
            ),
        }
    }

    /// `sealgate dev` on data of its own.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn dev() -> Self {
        Self::dev_on("127.0.0.1:0")
    }

    /// `sealgate dev`, asked to listen on `address`.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn dev_on(address: &str) -> Self {
        Self::dev_with(&["--listen", address])
    }

    fn dev_with(options: &[&str]) -> Self {
        let directory = World::get().scratch();
        let data = directory.path().join("data").display().to_string();
        let arguments = [&["dev", "--data", &data], options].concat();
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let mut process = start(&arguments, directory.path(), &[]);
        let account = process.wait_for(START_LIMIT, dev_account);
        Self {
            process,
            arguments,
            account,
            upstream: Upstream::Embedded,
            ahead: Duration::ZERO,
            environment: Vec::new(),
            directory,
        }
    }

    /// `sealgate dev --tls`, or `serve` with a certificate of the world's authority.
    pub fn start_tls(upstream: Upstream) -> Self {
        match upstream {
            Upstream::Embedded => Self::dev_with(&["--listen", "127.0.0.1:0", "--tls"]),
            Upstream::SeaweedFs => Self::serve_with(
                upstream,
                &[Principal::new("demo", "demo-admin", "tenant-admin")],
                |directory| {
                    let world = World::get();
                    let store = world.seaweedfs();
                    let pair = world.authority().issue(directory);
                    let listen = format!(
                        "[listen.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
                        pair.certificate.display(),
                        pair.key.display()
                    );
                    let authority = world.authority().file().display();
                    let upstream = seaweedfs_upstream(store.secure_endpoint());
                    format!("{listen}{upstream}ca_file = \"{authority}\"\n")
                },
            ),
        }
    }

    /// `sealgate serve` for `principals`; the account is the first one's.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn serve(upstream: Upstream, principals: &[Principal]) -> Self {
        Self::serve_over(upstream, &upstream_section(upstream), principals)
    }

    /// The same over the world's SeaweedFS, which the gateway reaches at `endpoint` through somebody else.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn serve_through(endpoint: &str, principals: &[Principal]) -> Self {
        Self::serve_through_with(endpoint, principals, "")
    }

    /// The same with further `settings` about the store.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn serve_through_with(endpoint: &str, principals: &[Principal], settings: &str) -> Self {
        let section = seaweedfs_upstream(endpoint) + settings;
        Self::serve_over(Upstream::SeaweedFs, &section, principals)
    }

    /// `sealgate serve` over the embedded bucket, with `settings` at the top of the file and `listen` in its table
    /// `[listen]`.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn serve_set(settings: &str, listen: &str, principals: &[Principal]) -> Self {
        let text = configuration("[upstream.embedded]\npath = \"bucket\"\n", principals);
        let listening = format!("{settings}\n[listen]\n{listen}\n");
        let text = text.replacen("[listen]\n", &listening, 1);
        Self::serve_configured(Upstream::Embedded, principals, |_| text)
    }

    /// The same with further sections, such as `[admin]`, that `sections` makes for the gateway's own directory.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn serve_more(
        upstream: Upstream,
        principals: &[Principal],
        sections: impl FnOnce(&Path) -> String,
    ) -> Self {
        Self::serve_with(upstream, principals, |directory| {
            sections(directory) + &upstream_section(upstream)
        })
    }

    /// The same over the world's SeaweedFS, which the gateway reaches at `endpoint` through somebody else.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn serve_more_through(
        endpoint: &str,
        principals: &[Principal],
        sections: impl FnOnce(&Path) -> String,
    ) -> Self {
        Self::serve_with(Upstream::SeaweedFs, principals, |directory| {
            sections(directory) + &seaweedfs_upstream(endpoint)
        })
    }

    /// `sealgate serve` over the embedded bucket, with the configuration that `edit` makes of the usual one.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn serve_edited(principals: &[Principal], edit: impl FnOnce(String) -> String) -> Self {
        let text = configuration("[upstream.embedded]\npath = \"bucket\"\n", principals);
        Self::serve_configured(Upstream::Embedded, principals, |_| edit(text))
    }

    fn serve_over(upstream: Upstream, section: &str, principals: &[Principal]) -> Self {
        Self::serve_with(upstream, principals, |_| section.to_owned())
    }

    /// `sealgate serve` with the sections that `sections` makes for the gateway's own directory.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn serve_with(
        upstream: Upstream,
        principals: &[Principal],
        sections: impl FnOnce(&Path) -> String,
    ) -> Self {
        Self::serve_configured(upstream, principals, |directory| {
            configuration(&sections(directory), principals)
        })
    }

    /// One more gateway over the same store with the same root keys; its journal is its own.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    #[must_use]
    pub fn replica(&self, principals: &[Principal]) -> Self {
        let first = self.directory.path();
        let text = fs::read_to_string(first.join("sealgate.toml"));
        let keys = format!("path = \"{}\"", first.join("root-keys.json").display());
        let text = text.expect("it serves from a file");
        let text = text.replace("path = \"root-keys.json\"", &keys);
        Self::serve_configured(self.upstream, principals, |_| text)
    }

    fn serve_configured(
        upstream: Upstream,
        principals: &[Principal],
        text: impl FnOnce(&Path) -> String,
    ) -> Self {
        let directory = World::get().scratch();
        let config = directory.path().join("sealgate.toml");
        let text = text(directory.path());
        fs::write(&config, text).expect("a file can be written");
        let config = config.display().to_string();
        let arguments: Vec<String> = ["serve", "--config", &config].map(str::to_owned).into();
        let mut process = start(&arguments, directory.path(), &[]);
        let endpoint = process.wait_for(START_LIMIT, serve_endpoint);
        let credentials = principals.first().map(|first| first.credentials.clone());
        Self {
            process,
            arguments,
            account: Account {
                authority: authority(&endpoint),
                endpoint,
                credentials: credentials.expect("a gateway serves somebody"),
            },
            upstream,
            ahead: Duration::ZERO,
            environment: Vec::new(),
            directory,
        }
    }

    /// How a client reaches this gateway.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The process, to look at what it uses.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The process, to end it.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Kills the gateway as a power cut would and starts it again on the same data.
    ///
    /// # Panics
    /// If it does not come up again, with the end of its log.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = start(&self.arguments, self.directory.path(), &self.environment);
        let credentials = &self.account.credentials;
        self.account = self.process.wait_for(START_LIMIT, |log| {
            dev_account(log).or_else(|| {
                serve_endpoint(log).map(|endpoint| Account {
                    authority: authority(&endpoint),
                    endpoint,
                    credentials: credentials.clone(),
                })
            })
        });
    }

    /// Kills the gateway and starts it again when `by` has passed, as far as it can tell.
    ///
    /// # Panics
    /// If it does not come up again, with the end of its log.
    pub fn restart_ahead(&mut self, by: Duration) {
        self.ahead = by;
        self.environment = assigned(ahead::environment(by));
        self.restart();
    }

    /// Kills the gateway and starts it again on disks that fail as the test wishes.
    ///
    /// # Panics
    /// If it does not come up again, with the end of its log.
    pub fn restart_on(&mut self, disk: &FailingDisk) {
        self.environment = assigned(disk.environment());
        self.restart();
    }

    /// A Python client that tells the time as this gateway does, and what it printed.
    ///
    /// # Panics
    /// If it fails, with what it wrote.
    pub fn run_script(&self, script: &str, arguments: &[&str]) -> String {
        let mut command = self.account.script(script, arguments);
        if self.ahead > Duration::ZERO {
            command.envs(ahead::environment(self.ahead));
        }
        finished(command)
    }

    /// Kills the gateway and starts it again with another configuration on the same data.
    ///
    /// # Panics
    /// If it does not come up again, with the end of its log.
    pub fn reconfigure(&mut self, edit: impl Fn(String) -> String) {
        let file = self.directory.path().join("sealgate.toml");
        let text = fs::read_to_string(&file).expect("this gateway serves from a file");
        fs::write(&file, edit(text)).expect("a file can be written");
        self.restart();
    }

    /// The answer of the metrics endpoint to a GET of `path`.
    ///
    /// # Panics
    /// If this gateway serves no metrics, as `dev` does not, or does not answer.
    pub fn watched(&self, path: &str) -> Message {
        let log = self.process.log();
        let told = |line: &str| Some(line.split_once("metrics http://")?.1.to_owned());
        let address = log.lines().rev().find_map(told);
        let address = address.expect("it says where its metrics are");
        let host = address.split('/').next().unwrap_or_default();
        let mut request = Message {
            start: format!("GET {path} HTTP/1.1"),
            ..Message::default()
        };
        request.set("host", host);
        request.set("connection", "close");
        let stream = TcpStream::connect(host).expect("the endpoint listens");
        request.write(&stream).expect("it takes a request");
        Message::read_answer(&stream, false).expect("it answers")
    }

    /// The value of a sample in the metrics; `None` if there is no such sample.
    ///
    /// # Panics
    /// If the metrics are not there.
    pub fn sample(&self, name: &str) -> Option<u64> {
        let metrics = self.watched("/metrics");
        assert_eq!(metrics.status(), 200, "{}", metrics.start);
        let text = String::from_utf8(metrics.body).expect("metrics are text");
        assert!(text.ends_with("# EOF\n"), "{text}");
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        text.lines().find_map(value)
    }

    /// Where administrators connect.
    ///
    /// # Panics
    /// If it has no admin API.
    pub fn admin_endpoint(&self) -> String {
        let log = self.process.log();
        let told = |line: &str| Some(line.split_once(" admin http")?.1.to_owned());
        let rest = log.lines().rev().find_map(told);
        format!("http{}", rest.expect("it says where its admin API is"))
    }

    /// Every directory in which this gateway or its store has written.
    pub fn stored(&self) -> Vec<PathBuf> {
        let mut directories = vec![self.directory.path().to_owned()];
        if self.upstream == Upstream::SeaweedFs {
            directories.push(World::get().seaweedfs().data().to_owned());
        }
        directories
    }

    /// The beginning of the names of its buckets in the store.
    ///
    /// # Panics
    /// If its store is the embedded one.
    pub fn bucket_prefix(&self) -> String {
        let file = self.directory.path().join("sealgate.toml");
        let text = fs::read_to_string(file).expect("this gateway serves from a file");
        let prefix = text
            .lines()
            .find_map(|line| line.strip_prefix("bucket_prefix = \""));
        let prefix = prefix.and_then(|rest| rest.strip_suffix('"'));
        prefix.expect("its store is another's").to_owned()
    }

    /// The directory with this gateway's own data.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The trail's lines as they are stored, log after log.
    pub fn journal(&self) -> Vec<serde_json::Value> {
        let mut segments = Vec::new();
        find(self.directory.path(), &mut |path| {
            if path.extension().is_some_and(|end| end == "jsonl") {
                segments.push(path.to_owned());
            }
        });
        segments.sort();
        segments
            .iter()
            .flat_map(|path| {
                let bytes = fs::read(path).expect("a segment can be read");
                // From the first zero on: room for more lines, into which some may be on their way just now.
                let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
                let text = String::from_utf8_lossy(text);
                // Behind the last line feed: a line that is being written.
                let written = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
                written
                    .lines()
                    .map(|line| serde_json::from_str(line).expect("a trail line is JSON"))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// The file that this gateway serves from; `dev` writes one, too.
    pub fn config(&self) -> PathBuf {
        let served = self.directory.path().join("sealgate.toml");
        if served.exists() {
            return served;
        }
        self.directory.path().join("data").join("sealgate.toml")
    }

    /// The trail's lines with what is sealed in them opened, in their order. Ends the gateway: the embedded bucket,
    /// in which the keys lie, is for one process at a time.
    ///
    /// # Panics
    /// If they cannot be read.
    pub fn trail(&mut self) -> Vec<serde_json::Value> {
        self.process.kill();
        let config = self.config().display().to_string();
        let output = Command::new(tools::gateway())
            .args(["audit", "read", "--config", &config])
            .output()
            .expect("the program starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        let text = String::from_utf8(output.stdout).expect("lines are text");
        let line = |line| serde_json::from_str(line).expect("a trail line is JSON");
        text.lines().map(line).collect()
    }
}

fn assigned(variables: [(&'static str, String); 2]) -> Vec<String> {
    variables
        .map(|(name, value)| format!("{name}={value}"))
        .into()
}

fn start(arguments: &[String], directory: &Path, environment: &[String]) -> Process {
    let gateway = tools::gateway().display().to_string();
    // The credentials for the key management, where a gateway uses one.
    let mut command = vec![
        "AWS_ACCESS_KEY_ID=TESTKMS",
        "AWS_SECRET_ACCESS_KEY=secret-for-tests-only",
    ];
    command.extend(environment.iter().map(String::as_str));
    command.push(&gateway);
    command.extend(arguments.iter().map(String::as_str));
    Process::start(Path::new("env"), &command, &directory.join("gateway.log"))
}

/// What `dev` tells its user to paste, once it says that it is ready.
fn dev_account(log: &str) -> Option<Account> {
    let exported = |name: &str| {
        let start = format!("export {name}=");
        log.lines()
            .find_map(|line| line.trim().strip_prefix(&start))
            .map(str::to_owned)
    };
    log.lines().find(|line| line.trim() == "ready")?;
    Some(Account {
        endpoint: exported("AWS_ENDPOINT_URL")?,
        credentials: Credentials::new(
            &exported("AWS_ACCESS_KEY_ID")?,
            &exported("AWS_SECRET_ACCESS_KEY")?,
        ),
        authority: exported("AWS_CA_BUNDLE").map(PathBuf::from),
    })
}

fn serve_endpoint(log: &str) -> Option<String> {
    let said = log.lines().find_map(|line| line.strip_prefix("ready "));
    said.map(|endpoint| endpoint.trim().to_owned())
}

/// `serve` shows certificates of the world's authority.
fn authority(endpoint: &str) -> Option<PathBuf> {
    endpoint
        .starts_with("https://")
        .then(|| World::get().authority().file().to_owned())
}

fn configuration(upstream: &str, principals: &[Principal]) -> String {
    let mut text = String::from("[listen]\ns3 = \"127.0.0.1:0\"\n");
    text += upstream;
    text += "[kms.dangerous_local_file]\npath = \"root-keys.json\"\n";
    text += "[audit]\njournal = \"audit\"\n";
    text += "[metrics]\nlisten = \"127.0.0.1:0\"\n";
    let mut tenants: Vec<&str> = principals.iter().map(|one| one.tenant).collect();
    tenants.sort_unstable();
    tenants.dedup();
    for tenant in tenants {
        let _ = write!(text, "[[tenants]]\nid = \"{tenant}\"\n");
        for one in principals.iter().filter(|one| one.tenant == tenant) {
            let _ = write!(
                text,
                "[[tenants.credentials]]\naccess_key_id = \"{}\"\nsecret_access_key = \"{}\"\n\
                 principal = \"{}\"\nrole = \"{}\"\n",
                one.credentials.access_key_id(),
                one.credentials.secret_access_key(),
                one.name,
                one.role
            );
        }
    }
    text
}

fn upstream_section(upstream: Upstream) -> String {
    match upstream {
        Upstream::Embedded => "[upstream.embedded]\npath = \"bucket\"\n".to_owned(),
        Upstream::SeaweedFs => seaweedfs_upstream(World::get().seaweedfs().endpoint()),
    }
}

/// Each gateway has buckets of its own in the shared store, by a prefix of its own.
fn seaweedfs_upstream(endpoint: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let store = World::get().seaweedfs();
    format!(
        "[upstream.s3]\nendpoint = \"{endpoint}\"\nregion = \"us-east-1\"\naccess_key_id = \"{}\"\n\
         secret_access_key = \"{}\"\nbucket_prefix = \"gw{}-\"\n",
        store.credentials().access_key_id(),
        store.credentials().secret_access_key(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Calls `see` with every file below `directory`.
pub fn find(directory: &Path, see: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, see);
        } else {
            see(&path);
        }
    }
}

const START_LIMIT: Duration = Duration::from_mins(1);
