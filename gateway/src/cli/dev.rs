//! `sealgate dev`: everything on this machine, with no configuration. It writes the configuration it runs
//! with, so that the next step is to look at a file and not at a manual.

use std::fs;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;

use super::Failure;
use super::admin::{declaration, write_token};
use super::self_signed::{FOLDER, SelfSigned};
use super::serve::{Listeners, load, run};
use super::terminal::Terminal;
use crate::admin::{AdminRole, Token};
use crate::clock::Clock;
use crate::config::Config;

/// Options of `sealgate dev`.
#[derive(Debug, Args)]
pub(super) struct Dev {
    /// Where keys, sealed objects and the audit journal lie.
    #[arg(long, value_name = "DIR", default_value = "./sealgate-data")]
    data: PathBuf,
    /// Where to listen; another port is taken if this one is in use.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Serve over TLS, with a certificate made for this machine.
    #[arg(long)]
    tls: bool,
}

impl Dev {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<(), Failure> {
        let file = self.data.join("sealgate.toml");
        let unwritable = |error| Failure(format!("{} cannot be written: {error}", file.display()));
        let certificate = SelfSigned::below(&self.data);
        if self.tls {
            certificate
                .make(self.listen.ip(), Clock::system().now())
                .map_err(unwritable)?;
        }
        self.write_configuration(&file).map_err(unwritable)?;
        let mut config = load(&file)?;
        if self.tls {
            config.tls = Some(certificate.server);
        }
        let cannot = |address| {
            move |error: io::Error| Failure(format!("cannot listen on {address}: {error}"))
        };
        let s3 = bind(self.listen, terminal).map_err(cannot(self.listen))?;
        let admin = match &config.admin {
            Some(admin) => Some(bind(admin.listen, terminal).map_err(cannot(admin.listen))?),
            None => None,
        };
        let authority = config.tls.is_some().then_some(certificate.authority);
        let greeting = self.greeting(&config, &file, authority);
        let listeners = Listeners {
            s3: Some(s3),
            admin,
        };
        run(config, listeners, |endpoint, admins| {
            for line in greeting(endpoint, admins) {
                terminal.say(&line);
            }
        })
    }

    /// Writes the configuration with fresh credentials, unless there is one.
    fn write_configuration(&self, file: &Path) -> io::Result<()> {
        if file.exists() {
            return Ok(());
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.data)?;
        let access_key_id = format!("DEMO{}", hex::encode_upper(random::<8>()?));
        let secret = URL_SAFE_NO_PAD.encode(random::<30>()?);
        let token = Token::random()?;
        let token_file = self.data.join(ADMIN_TOKEN);
        if token_file.exists() {
            fs::remove_file(&token_file)?;
        }
        write_token(&token_file, token.reveal())?;
        let text = configuration(self.listen, self.tls, &access_key_id, &secret)
            + &declaration("dev", AdminRole::SecurityOfficer, None, &token).join("\n")
            + "\n";
        // Complete before it has its name, so that a crash leaves none or all of it.
        let unfinished = file.with_extension("toml.new");
        let mut new = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(unfinished, file)
    }

    /// What to paste.
    fn greeting(
        &self,
        config: &Config,
        file: &Path,
        authority: Option<PathBuf>,
    ) -> impl FnOnce(&str, Option<&str>) -> Vec<String> + use<> {
        let credential = config
            .tenants
            .iter()
            .flat_map(|tenant| &tenant.credentials)
            .next();
        let (id, secret) = credential
            .map(|found| {
                (
                    found.access_key_id.clone(),
                    found.secret_access_key.reveal().to_owned(),
                )
            })
            .unwrap_or_default();
        let (region, sealed, file) = (
            config.region.clone(),
            self.data.join("bucket"),
            file.to_owned(),
        );
        // Clients may be started elsewhere.
        let authority = authority.map(|file| std::path::absolute(&file).unwrap_or(file));
        let trust = authority.map(|file| format!("export AWS_CA_BUNDLE={}", file.display()));
        let token_file = self.data.join(ADMIN_TOKEN);
        let token_file = std::path::absolute(&token_file).unwrap_or(token_file);
        move |endpoint, admins| {
            let mut lines = vec![
                "# Sealgate is running. In another terminal:".to_owned(),
                format!("export AWS_ENDPOINT_URL={endpoint}"),
                format!("export AWS_ACCESS_KEY_ID={id}"),
                format!("export AWS_SECRET_ACCESS_KEY={secret}"),
                format!("export AWS_REGION={region}"),
            ];
            lines.extend(trust);
            lines.extend(admins.into_iter().flat_map(|admins| {
                [
                    "# For `sealgate admin` and `sealgate keys`:".to_owned(),
                    format!("export SEALGATE_ADMIN_URL={admins}"),
                    format!("export SEALGATE_ADMIN_TOKEN_FILE={}", token_file.display()),
                ]
            }));
            lines.extend([
                "aws s3 mb s3://documents && aws s3 cp README.md s3://documents/ && aws s3 ls s3://documents/".to_owned(),
                format!("# The sealed bytes lie in {}; the settings in {}. Ctrl-C stops.", sealed.display(), file.display()),
                "ready".to_owned(),
            ]);
            lines
        }
    }
}

/// Another port is taken where this one is in use.
fn bind(address: SocketAddr, terminal: &mut Terminal) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address).or_else(|error| {
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(error);
        }
        let listener = TcpListener::bind((address.ip(), 0))?;
        let port = address.port();
        terminal.say(&format!(
            "# port {port} is in use, so another one was taken"
        ));
        Ok(listener)
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

fn configuration(listen: SocketAddr, tls: bool, access_key_id: &str, secret: &str) -> String {
    let tls = if tls {
        format!(
            "[listen.tls]\ncertificate = \"{FOLDER}/server.pem\"\nkey = \"{FOLDER}/server-key.pem\"\n\n"
        )
    } else {
        String::new()
    };
    format!(
        r#"# Made by `sealgate dev`. `sealgate serve --config` runs the same gateway from it.
[listen]
s3 = "{listen}"

{tls}[upstream.embedded]
path = "bucket"

# Whoever reads this file opens every object: fine for one machine and for trying things out.
[kms.dangerous_local_file]
path = "root-keys"

[audit]
journal = "audit"

[[tenants]]
id = "demo"

[[tenants.credentials]]
access_key_id = "{access_key_id}"
secret_access_key = "{secret}"
principal = "demo-admin"
role = "tenant-admin"

[admin]
listen = "{ADMIN_LISTEN}"

# The token lies in {ADMIN_TOKEN}.
"#
    )
}

const ADMIN_LISTEN: &str = "127.0.0.1:9002";
const ADMIN_TOKEN: &str = "admin-token";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_it_writes_is_a_good_one() {
        let text = configuration(
            "127.0.0.1:9000".parse().unwrap(),
            false,
            "DEMO1",
            "0123456789abcdef",
        );
        assert!(Config::parse(&text, Path::new("data")).is_ok());
    }
}
