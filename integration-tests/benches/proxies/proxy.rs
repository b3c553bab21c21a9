//! The proxies that are compared, each as its own process before the same store. It measures nothing.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use integration_tests::client::{Account, Credentials};
use integration_tests::gateway::{Gateway, Upstream};
use integration_tests::port;
use integration_tests::process::Process;
use integration_tests::tools;
use integration_tests::world::World;

/// One way to the store.
pub(crate) struct Proxy {
    name: &'static str,
    account: Account,
    bucket: &'static str,
    server: Server,
}

enum Server {
    /// No proxy: the client talks to the store.
    None,
    Process(Process),
    Gateway(Gateway),
}

impl Proxy {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) fn bucket(&self) -> &'static str {
        self.bucket
    }

    /// What the proxy's process has paid so far; nothing without a proxy.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.process().map_or(0.0, Process::cpu_seconds)
    }

    /// The most memory the proxy's process has held, in bytes.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        self.process().map(Process::peak_memory)
    }

    fn process(&self) -> Option<&Process> {
        match &self.server {
            Server::None => None,
            Server::Process(process) => Some(process),
            Server::Gateway(gateway) => Some(gateway.process()),
        }
    }
}

/// Starts the store, every proxy there is on this machine, and a bucket behind each.
pub(crate) fn start() -> Vec<Proxy> {
    let directory = World::get().scratch().keep();
    let store = store();
    let mut proxies = vec![Proxy {
        name: DIRECT,
        account: store.clone(),
        bucket: "bench-direct",
        server: Server::None,
    }];
    proxies.extend(nginx(&directory, &store));
    proxies.push(rclone(&directory, &store));
    proxies.push(sealgate());
    for proxy in &proxies {
        let bucket = format!("s3://{}", proxy.bucket);
        proxy.account.run_aws(&directory, &["s3", "mb", &bucket]);
    }
    proxies
}

fn store() -> Account {
    let store = World::get().seaweedfs();
    Account {
        endpoint: store.endpoint().to_owned(),
        credentials: store.credentials().clone(),
        authority: None,
    }
}

fn sealgate() -> Proxy {
    let gateway = Gateway::start(Upstream::SeaweedFs);
    Proxy {
        name: SEALGATE,
        account: gateway.account().clone(),
        bucket: "bench",
        server: Server::Gateway(gateway),
    }
}

/// nginx as a plain proxy, the floor of what any can cost; `None`, said aloud, where there is none.
fn nginx(directory: &Path, store: &Account) -> Option<Proxy> {
    let Some(program) = nginx_program() else {
        super::say(
            "nginx is left out: it is not on this machine \
             (on Debian and Ubuntu: apt-get install nginx-light)",
        );
        return None;
    };
    let port = port::free();
    let config = directory.join("nginx.conf");
    let text = NGINX
        .replace("DIRECTORY", &directory.display().to_string())
        .replace("STORE", store.endpoint.trim_start_matches("http://"))
        .replace("PORT", &port.to_string());
    fs::write(&config, text).expect("a file can be written");
    let config = config.display().to_string();
    let process = server(Path::new(program), &["-c", &config], directory, port);
    Some(Proxy {
        name: NGINX_NAME,
        // It passes the Host header on, so that the client's signature holds at the store.
        account: Account {
            endpoint: format!("http://127.0.0.1:{port}"),
            credentials: store.credentials.clone(),
            authority: None,
        },
        bucket: "bench-nginx",
        server: Server::Process(process),
    })
}

fn nginx_program() -> Option<&'static str> {
    let programs = ["nginx", "/usr/sbin/nginx"];
    programs
        .into_iter()
        .find(|program| Command::new(program).arg("-v").output().is_ok())
}

/// rclone's S3 server over its encryption over the store; names stay plain, as the gateway's do.
fn rclone(directory: &Path, store: &Account) -> Proxy {
    let program = tools::tool("rclone");
    let obscured = Command::new(&program)
        .args(["obscure", "password-for-measurements"])
        .output()
        .expect("rclone starts");
    let config = directory.join("rclone.conf");
    let text = format!(
        "[store]\ntype = s3\nprovider = SeaweedFS\nendpoint = {}\naccess_key_id = {}\n\
         secret_access_key = {}\n[sealed]\ntype = crypt\nremote = store:bench-rclone\n\
         filename_encryption = off\ndirectory_name_encryption = false\npassword = {}\n",
        store.endpoint,
        store.credentials.access_key_id(),
        store.credentials.secret_access_key(),
        String::from_utf8_lossy(&obscured.stdout).trim()
    );
    fs::write(&config, text).expect("a file can be written");
    store.run_aws(directory, &["s3", "mb", "s3://bench-rclone"]);

    let port = port::free();
    let credentials = Credentials::new("RCLONEKEY", "rclone-secret-for-measurements");
    let address = format!("127.0.0.1:{port}");
    let pair = [credentials.access_key_id(), credentials.secret_access_key()].join(",");
    let config = config.display().to_string();
    let arguments = [
        "--config", &config, "serve", "s3", "sealed:", "--addr", &address,
    ];
    let arguments = [&arguments[..], &["--auth-key", &pair]].concat();
    let process = server(&program, &arguments, directory, port);
    Proxy {
        name: RCLONE,
        account: Account {
            endpoint: format!("http://{address}"),
            credentials,
            authority: None,
        },
        bucket: "bench",
        server: Server::Process(process),
    }
}

fn server(program: &Path, arguments: &[&str], directory: &Path, port: u16) -> Process {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let log = directory.join(format!("{name}.log"));
    let mut process = Process::start(program, arguments, &log);
    process.wait_for(Duration::from_secs(30), |_| {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    process
}

pub(crate) const DIRECT: &str = "direct";
pub(crate) const NGINX_NAME: &str = "nginx";
pub(crate) const RCLONE: &str = "rclone crypt";
pub(crate) const SEALGATE: &str = "sealgate";

// One process that streams both ways, writes nothing to disk and keeps its connections.
const NGINX: &str = r#"
daemon off;
master_process off;
pid DIRECTORY/nginx.pid;
error_log stderr warn;
events {}
http {
    access_log off;
    client_max_body_size 0;
    keepalive_requests 1000000;
    client_body_temp_path DIRECTORY/nginx-client;
    proxy_temp_path DIRECTORY/nginx-proxy;
    fastcgi_temp_path DIRECTORY/nginx-fastcgi;
    uwsgi_temp_path DIRECTORY/nginx-uwsgi;
    scgi_temp_path DIRECTORY/nginx-scgi;
    client_body_buffer_size 64k;
    proxy_buffers 16 64k;
    proxy_busy_buffers_size 256k;
    proxy_max_temp_file_size 0;
    upstream store {
        server STORE;
        keepalive 8;
    }
    server {
        listen 127.0.0.1:PORT;
        location / {
            proxy_pass http://store;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_request_buffering off;
        }
    }
}
"#;
