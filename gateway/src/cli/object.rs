//! `sealgate object verify` and `sealgate object open`: one stored object, from the store or from a file.

use std::path::{Path, PathBuf};

use clap::Args;
use http::HeaderMap;
use sealed_object::Header;

use super::serve::load;
use super::terminal::Terminal;
use super::{Failure, Outcome};
use crate::buckets::Bucket;
use crate::clock::Clock;
use crate::config::Config;
use crate::envelope;
use crate::error::GatewayError;
use crate::s3::BucketName;
use crate::tools::{
    AuditKeys, Custody, Stored, SystemCopy, ToolError, Verification, parse_head, verify,
};

/// Where the object is.
#[derive(Debug, Args)]
struct Where {
    /// A file that holds the stored bytes, or `s3://BUCKET/KEY` to read from the store of --config.
    #[arg(value_name = "FILE|s3://BUCKET/KEY")]
    source: String,
    /// For `s3://`: the configuration file of a gateway.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The tenant; may be left out if the configuration has only one.
    #[arg(long)]
    tenant: Option<String>,
    /// For `s3://`: this version of the object.
    #[arg(long, value_name = "ID")]
    version_id: Option<String>,
    /// For a file: what `aws s3api head-object` or get-object printed of the stored object, or its HTTP headers.
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
}

/// Options of `sealgate object verify`.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    place: Where,
    /// For a file: the value of the object's x-amz-meta-sof-h.
    #[arg(long, value_name = "VALUE", conflicts_with = "head")]
    header: Option<String>,
    /// A file of audit keys (`sealgate keys export-audit`): the audit MAC is checked too.
    #[arg(long, value_name = "FILE")]
    audit_key: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Options of `sealgate object open`.
#[derive(Debug, Args)]
pub(super) struct Open {
    #[command(flatten)]
    place: Where,
    /// Where the plaintext goes.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if there is one.
    #[arg(long)]
    force: bool,
    /// For a file: a copy of the system bucket, for example by `aws s3 sync s3://sealgate-system DIR`.
    #[arg(long, value_name = "DIR")]
    system: Option<PathBuf>,
    /// For a file: the root key file.
    #[arg(long, value_name = "FILE")]
    root_keys: Option<PathBuf>,
    /// For a file: the bucket it was in, by the name that clients use.
    #[arg(long)]
    bucket: Option<String>,
    /// For a file: the object's key.
    #[arg(long)]
    key: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Options of `sealgate attestation`.
#[derive(Debug, Args)]
pub(super) struct Attestation {
    #[command(flatten)]
    place: Where,
    /// Where the receipt goes; without, it is printed.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Attestation {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let receipt = super::block_on(self.receipt())??;
        match &self.out {
            Some(path) => std::fs::write(path, receipt).map_err(ToolError::file(path))?,
            None => terminal.say(&receipt),
        }
        Ok(Outcome::Clean)
    }

    async fn receipt(&self) -> Result<String, ToolError> {
        let asked = |why: &str| ToolError::Asked(format!("{}: {why}", self.place.source));
        let named = self.place.in_store()?;
        let (bucket, key) = named.ok_or_else(|| asked("an attestation is of s3://BUCKET/KEY"))?;
        let (custody, bucket) = self.place.custody(&bucket).await?;
        let stored = self.place.stored(&custody, &bucket, &key).await?;
        let envelope = envelope::read(&stored.headers).map_err(GatewayError::from)?;
        let object_id = hex::encode(envelope.header().object_id().0);
        let at = bucket.receipt_place(&key, &object_id);
        let kept = custody.buckets.receipt(&at).await?;
        let kept = kept.ok_or_else(|| {
            asked("has no attestation: none is given in its bucket, and none was asked for")
        })?;
        let keys = &custody.audit_keys;
        Ok(keys.open_kept(&bucket.tenant, at.as_ref(), &kept).await?)
    }
}

impl Verify {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let found = super::block_on(self.verify())??;
        if self.json {
            terminal.say_json(&found)?;
        } else {
            for line in lines_of(&found) {
                terminal.say(&line);
            }
        }
        Ok(if found.whole {
            Outcome::Clean
        } else {
            Outcome::Found
        })
    }

    async fn verify(&self) -> Result<Verification, Failure> {
        let keys = match &self.audit_key {
            Some(path) => AuditKeys::read(path)?,
            None => AuditKeys::default(),
        };
        let stored = if let Some((bucket, key)) = self.place.in_store()? {
            let (custody, bucket) = self.place.custody(&bucket).await?;
            self.place.stored(&custody, &bucket, &key).await?
        } else {
            Stored::in_file(Path::new(&self.place.source), self.place.head()?).await?
        };
        let header = match &self.header {
            Some(text) => Some(Header::parse(text)),
            None if stored.headers.is_empty() => None,
            None => Some(envelope::read(&stored.headers).map(|found| found.header().clone())),
        };
        let found = verify(stored, header, &keys).await;
        found.map_err(|error| Failure::new(&error))
    }
}

impl Open {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let opened = match super::block_on(self.open())? {
            Err(ToolError::Gateway(GatewayError::Sealed(error))) => {
                terminal.complain(&format!(
                    "{} does not open: {error} ({}); nothing was written",
                    self.place.source,
                    error.code()
                ));
                return Ok(Outcome::Found);
            }
            opened => opened?,
        };
        if self.json {
            terminal.say_json(&opened)?;
        } else {
            terminal.say(&format!(
                "{}: {} bytes, every frame authentic",
                opened.file.display(),
                opened.length
            ));
            terminal.say(&format!("object id  {}", opened.object_id));
            terminal.say(&format!("parts      {}", opened.parts));
            for (name, value) in &opened.headers {
                terminal.say(&format!("{name}: {}", value.escape_debug()));
            }
        }
        Ok(Outcome::Clean)
    }

    async fn open(&self) -> Result<crate::tools::Unsealed, ToolError> {
        let (stored, custody, bucket, key) = match self.place.in_store()? {
            Some((bucket, key)) => {
                let (custody, bucket) = self.place.custody(&bucket).await?;
                let stored = self.place.stored(&custody, &bucket, &key).await?;
                (stored, custody, bucket, key)
            }
            None => self.offline().await?,
        };
        let envelope = envelope::read(&stored.headers).map_err(GatewayError::from)?;
        let opened = custody.keys.open(&bucket, &key, &envelope).await?;
        crate::tools::open(stored, &opened, &self.out, self.force).await
    }

    async fn offline(&self) -> Result<(Stored, Custody, Bucket, String), ToolError> {
        let needed = |name: &str| {
            ToolError::Asked(format!(
                "to open a file, --{name} is needed; see `sealgate object open --help`"
            ))
        };
        let system = self.system.clone().ok_or_else(|| needed("system"))?;
        let root_keys = self.root_keys.clone().ok_or_else(|| needed("root-keys"))?;
        let tenant = self.place.tenant.clone().ok_or_else(|| needed("tenant"))?;
        let bucket = bucket_name(self.bucket.as_deref().ok_or_else(|| needed("bucket"))?)?;
        let key = self.key.clone().ok_or_else(|| needed("key"))?;
        let headers = self.place.head()?;
        if headers.is_empty() {
            return Err(needed("head"));
        }
        let copy = SystemCopy {
            directory: system,
            root_keys,
        };
        let custody = Custody::copied(&copy, &tenant, &bucket, &Clock::system()).await?;
        let bucket = custody.bucket(&tenant, &bucket).await?;
        let stored = Stored::in_file(Path::new(&self.place.source), headers).await?;
        Ok((stored, custody, bucket, key))
    }
}

impl Where {
    /// Bucket and key, if the object is in the store.
    fn in_store(&self) -> Result<Option<(String, String)>, ToolError> {
        let Some(rest) = self.source.strip_prefix("s3://") else {
            return Ok(None);
        };
        let named = rest.split_once('/').filter(|(_, key)| !key.is_empty());
        let (bucket, key) = named.ok_or_else(|| {
            ToolError::Asked(format!("{} names no object: s3://BUCKET/KEY", self.source))
        })?;
        Ok(Some((bucket.to_owned(), key.to_owned())))
    }

    async fn custody(&self, bucket: &str) -> Result<(Custody, Bucket), ToolError> {
        let file = self.config.as_deref().ok_or_else(|| {
            ToolError::Asked("to read from the store, --config is needed".to_owned())
        })?;
        let config = load(file).map_err(|failure| ToolError::Asked(failure.0))?;
        let tenant = tenant_of(&config, self.tenant.as_deref())?;
        let custody = Custody::configured(&config, &Clock::system()).await?;
        let bucket = custody.bucket(&tenant, &bucket_name(bucket)?).await?;
        Ok((custody, bucket))
    }

    async fn stored(
        &self,
        custody: &Custody,
        bucket: &Bucket,
        key: &str,
    ) -> Result<Stored, ToolError> {
        let version = self.version_id.as_deref();
        Ok(Stored::in_store(custody.store()?, &bucket.upstream, key, version).await?)
    }

    /// The headers that a file came with; none if none were given.
    fn head(&self) -> Result<HeaderMap, ToolError> {
        let Some(path) = &self.head else {
            return Ok(HeaderMap::new());
        };
        let text = std::fs::read_to_string(path).map_err(ToolError::file(path))?;
        parse_head(&text)
    }
}

/// The tenant that was named, or the only one there is.
pub(super) fn tenant_of(config: &Config, named: Option<&str>) -> Result<String, ToolError> {
    let ids: Vec<&str> = config.tenants.iter().map(|one| one.id.as_str()).collect();
    match (named, ids.as_slice()) {
        (Some(named), _) => Ok(named.to_owned()),
        (None, [only]) => Ok((*only).to_owned()),
        (None, _) => Err(ToolError::Asked(format!(
            "--tenant is needed, one of: {}",
            ids.join(", ")
        ))),
    }
}

/// A bucket's name as typed.
pub(super) fn bucket_name(text: &str) -> Result<BucketName, ToolError> {
    BucketName::parse(text).map_err(|error| ToolError::Asked(format!("{text}: {}", error.message)))
}

fn lines_of(found: &Verification) -> Vec<String> {
    let known = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
    let mut lines = vec![
        format!("object id  {}", known(found.object_id.clone())),
        format!("stored     {} bytes", found.stored),
        format!(
            "plaintext  {} bytes",
            known(found.plaintext.map(|bytes| bytes.to_string()))
        ),
        format!(
            "parts      {}",
            known(found.parts.map(|parts| parts.to_string()))
        ),
        format!(
            "suite      {}",
            known(found.suite.map(|id| format!("0x{id:02x}")))
        ),
        format!("header     {}", found.header),
        format!(
            "audit MAC  {}, key {}",
            found.audit_mac,
            known(found.audit_key.clone())
        ),
    ];
    lines.extend(
        found
            .problems
            .iter()
            .map(|problem| format!("PROBLEM    {}: {}", problem.code, problem.what)),
    );
    lines.push(if found.whole && found.audit_mac == "verified" {
        "whole: these are the bytes that were sealed, and the audit MAC proves it".to_owned()
    } else if found.whole {
        "whole: no damage; whether somebody changed it on purpose, only keys can tell".to_owned()
    } else {
        "NOT whole".to_owned()
    });
    lines
}
