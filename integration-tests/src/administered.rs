//! A gateway with an admin API and the people who administer it, each with a token of their own; they use the
//! command line, as people do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::gateway::{Gateway, Principal, Upstream};
use crate::tools;

/// A gateway that is administered.
#[derive(Debug)]
pub struct Administered {
    /// The gateway.
    pub gateway: Gateway,
}

/// Who administers: name, role, and the tenant of a tenant owner.
const PEOPLE: &[(&str, &str, Option<&str>)] = &[
    ("ada", "security-officer", None),
    ("ben", "security-officer", None),
    ("cleo", "security-officer", None),
    ("ovid", "operator", None),
    ("ann", "auditor", None),
    ("demo-owner", "tenant-owner", Some("demo")),
];

impl Administered {
    /// `sealgate serve` for `principals`, with credentials declared for `ada`, `ben` and `cleo` (security
    /// officers), `ovid` (operator), `ann` (auditor) and `demo-owner`.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn serve(upstream: Upstream, principals: &[Principal]) -> Self {
        Self::serve_prepared(upstream, principals, |_| ())
    }

    /// The same once `prepare` has put something into the gateway's directory.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn serve_prepared(
        upstream: Upstream,
        principals: &[Principal],
        prepare: impl FnOnce(&Path),
    ) -> Self {
        let gateway = Gateway::serve_more(upstream, principals, |directory| {
            prepare(directory);
            administration(directory)
        });
        Self { gateway }
    }

    /// The same over the embedded bucket, with more of a configuration.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn serve_configured(principals: &[Principal], more: &str) -> Self {
        let gateway = Gateway::serve_more(Upstream::Embedded, principals, |directory| {
            format!("{}{more}", administration(directory))
        });
        Self { gateway }
    }

    /// The same over the world's SeaweedFS, which the gateway reaches at `endpoint` through somebody else.
    ///
    /// # Panics
    /// If it does not come up, with the end of its log.
    pub fn serve_through(endpoint: &str, principals: &[Principal]) -> Self {
        let gateway = Gateway::serve_more_through(endpoint, principals, administration);
        Self { gateway }
    }

    /// The file with somebody's token.
    pub fn token_file(&self, who: &str) -> PathBuf {
        self.gateway.directory().join(format!("{who}.token"))
    }

    /// Runs `sealgate` as `who` and gives what it printed.
    ///
    /// # Panics
    /// If it cannot be run.
    pub fn run(&self, who: &str, arguments: &[&str]) -> Output {
        run_at(
            &self.gateway.admin_endpoint(),
            &self.token_file(who),
            arguments,
        )
    }

    /// The same with `--json`; the JSON it prints.
    ///
    /// # Panics
    /// If it fails.
    pub fn json(&self, who: &str, arguments: &[&str]) -> Value {
        let output = self.run(who, &[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).expect("it prints JSON")
    }

    /// The same, where it has to fail; what it complains of.
    ///
    /// # Panics
    /// If it does not.
    pub fn refused(&self, who: &str, arguments: &[&str]) -> String {
        let output = self.run(who, arguments);
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Does as `ada` what needs leave: asks, has `ben` and `cleo` approve, and repeats it.
    ///
    /// # Panics
    /// If any of that fails.
    pub fn by_leave(&self, arguments: &[&str]) -> Value {
        self.asked_by("ada", arguments)
    }

    /// The same, asked by somebody else than `ada`.
    ///
    /// # Panics
    /// If any of that fails.
    pub fn asked_by(&self, who: &str, arguments: &[&str]) -> Value {
        let asked = self.json(who, arguments);
        let text = |name| asked.get(name).and_then(Value::as_str);
        let id = text("id").expect("an id");
        let hash = text("parameters_hash").expect("a hash");
        for other in ["ben", "cleo"] {
            self.json(other, &["admin", "approval", "give", id, hash]);
        }
        self.json(who, &[arguments, &["--approval", id]].concat())
    }
}

/// The section `[admin]`, with a credential for everybody, whose tokens are left in the directory.
fn administration(directory: &Path) -> String {
    let mut section = "[admin]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    for (name, role, tenant) in PEOPLE {
        let mut command = Command::new(tools::gateway());
        command.args([
            "admin",
            "credential",
            "create",
            name,
            "--role",
            role,
            "--declare",
        ]);
        command
            .arg("--out")
            .arg(directory.join(format!("{name}.token")));
        if let Some(tenant) = tenant {
            command.args(["--tenant", tenant]);
        }
        let made = command.output().expect("the gateway's binary runs");
        assert!(made.status.success(), "{made:?}");
        section += &String::from_utf8(made.stdout).expect("it prints text");
    }
    section
}

/// Runs `sealgate` against the admin API at `url` with the token in a file.
///
/// # Panics
/// If it cannot be run.
pub fn run_at(url: &str, token_file: &Path, arguments: &[&str]) -> Output {
    Command::new(tools::gateway())
        .args(arguments)
        .env("SEALGATE_ADMIN_URL", url)
        .env("SEALGATE_ADMIN_TOKEN_FILE", token_file)
        .output()
        .expect("the gateway's binary runs")
}

/// The token in a file.
///
/// # Panics
/// If it cannot be read.
pub fn token_in(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("the token file can be read");
    text.trim().to_owned()
}
