//! `[kms]`: where root keys come from, and how long unwrapped keys are kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kms_keys::{AwsKmsSettings, AwsRootKey, RootKeyName};

use super::read_required;
use super::reader::{Problems, Section};
use super::upstream::endpoint_is_safe;

/// The key management behind the keyrings.
#[derive(Debug)]
pub struct KmsConfig {
    /// The provider that is asked first.
    pub first: ProviderConfig,
    /// Another one that wraps the same keys, for the day the first is gone.
    pub second: Option<ProviderConfig>,
    /// How long an unwrapped key is used before the provider is asked again.
    pub cache: Duration,
    /// How much longer it is used while the provider is away.
    pub stale: Duration,
}

/// One provider of root keys.
#[derive(Debug)]
pub enum ProviderConfig {
    /// Root keys in a file: for one machine and for trying things out.
    DangerousLocalFile {
        /// The file, mode 0600; made on first start.
        path: PathBuf,
    },
    /// AWS KMS, or a service with its API.
    Aws(AwsKmsSettings),
}

impl ProviderConfig {
    fn name(&self) -> &str {
        match self {
            Self::DangerousLocalFile { .. } => "local-file",
            Self::Aws(settings) => &settings.name,
        }
    }
}

impl KmsConfig {
    /// Every provider, in the order in which they are asked.
    pub fn providers(&self) -> impl Iterator<Item = &ProviderConfig> {
        std::iter::once(&self.first).chain(&self.second)
    }

    /// Reads a tenant's `kms_key`, an ARN at the first provider that is AWS KMS.
    pub(super) fn read_own_key(
        kms: Option<&Self>,
        tenant: &mut Section,
        problems: &mut Problems,
    ) -> Option<RootKeyName> {
        let key: AwsRootKey = tenant.optional_parsed("kms_key", EXAMPLE_KEY, problems)?;
        let at = tenant.at("kms_key");
        if key.region().is_none() {
            problems.add(&at, format!("must be an ARN, for example {EXAMPLE_KEY}"));
        }
        // Without [kms] that is the problem, and it is told there.
        let mut providers = kms?.providers();
        let name = providers.find_map(|provider| match provider {
            ProviderConfig::Aws(settings) => Some(settings.name.clone()),
            ProviderConfig::DangerousLocalFile { .. } => None,
        });
        if name.is_none() {
            problems.add(&at, "needs [kms.aws]");
        }
        Some(RootKeyName {
            provider: name?,
            root_key: key.as_str().to_owned(),
        })
    }
}

pub(super) fn read_kms(
    root: &mut Section,
    base: &Path,
    problems: &mut Problems,
) -> Option<KmsConfig> {
    read_required(root, "kms", problems, |kms, problems| {
        let second = kms.section("second", problems).and_then(|mut second| {
            let provider = read_provider(&mut second, base, problems);
            second.finish(problems);
            provider
        });
        let first = read_provider(kms, base, problems)?;
        if let Some(second) = &second
            && second.name() == first.name()
        {
            problems.add(
                "kms.second",
                format!(
                    "both providers are named {:?}, and keyrings tell them apart by name; give one of them a name of its own",
                    first.name()
                ),
            );
        }
        let mut seconds = |name, range, unsaid| {
            let read = kms.optional_number(name, range, problems);
            read.map_or(unsaid, Duration::from_secs)
        };
        Some(KmsConfig {
            first,
            second,
            cache: seconds("cache_seconds", 1..=DAY, Duration::from_mins(15)),
            stale: seconds("stale_seconds", 0..=HOUR, Duration::from_hours(1)),
        })
    })
    .flatten()
}

fn read_provider(
    section: &mut Section,
    base: &Path,
    problems: &mut Problems,
) -> Option<ProviderConfig> {
    let local = section.section("dangerous_local_file", problems);
    let aws = section.section("aws", problems);
    match (local, aws) {
        (Some(mut local), None) => {
            let path = local.path("path", "root-keys", base, problems);
            local.finish(problems);
            Some(ProviderConfig::DangerousLocalFile { path })
        }
        (None, Some(mut aws)) => {
            let settings = read_aws(&mut aws, problems);
            aws.finish(problems);
            settings.map(ProviderConfig::Aws)
        }
        _ => {
            problems.add(
                &section.at("aws").replace(".aws", ""),
                "needs exactly one of the tables aws, with the key's ARN, and dangerous_local_file, with a path",
            );
            None
        }
    }
}

fn read_aws(aws: &mut Section, problems: &mut Problems) -> Option<AwsKmsSettings> {
    let name = aws
        .optional_text("name", problems)
        .unwrap_or_else(|| "aws-kms".to_owned());
    let key: Option<AwsRootKey> = aws.parsed("key", EXAMPLE_KEY, problems);
    let said = aws.optional_text("region", problems);
    let endpoint = aws.optional_text("endpoint", problems);
    if let Some(endpoint) = &endpoint
        && let Err(why) = endpoint_is_safe(endpoint)
    {
        problems.add(&aws.at("endpoint"), why);
    }
    let timeout = aws
        .optional_number("timeout_seconds", 1..=60, problems)
        .map_or(TIMEOUT, Duration::from_secs);
    let root_key = key?;
    let region = match (root_key.region(), said) {
        (Some(own), Some(said)) if own != said => {
            problems.add(
                &aws.at("region"),
                format!("is not the key's own, {own}; leave it out"),
            );
            said
        }
        (Some(own), _) => own.to_owned(),
        (None, Some(said)) => said,
        (None, None) => {
            problems.add(
                &aws.at("region"),
                "is missing, and key is no ARN that would name it",
            );
            return None;
        }
    };
    Some(AwsKmsSettings {
        name,
        root_key,
        region,
        endpoint,
        timeout,
    })
}

const EXAMPLE_KEY: &str =
    "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// For one call with its retries: a client waits meanwhile.
const TIMEOUT: Duration = Duration::from_secs(6);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<KmsConfig>, Vec<String>) {
        let mut problems = Problems::default();
        let mut root = Section::root(text.parse().unwrap());
        let kms = read_kms(&mut root, Path::new("/etc/sealgate"), &mut problems);
        root.finish(&mut problems);
        let problems = problems.into_vec();
        (kms, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_region_is_the_keys_and_times_are_bounded() {
        let (kms, problems) = read(&format!(
            "[kms]\ncache_seconds = 86400\nstale_seconds = 0\n[kms.aws]\nkey = \"{EXAMPLE_KEY}\"\n\
             [kms.second.dangerous_local_file]\npath = \"root-keys\""
        ));
        assert!(problems.is_empty(), "{problems:?}");
        let kms = kms.unwrap();
        assert_eq!((kms.cache.as_secs(), kms.stale.as_secs()), (86400, 0));
        let names: Vec<&str> = kms.providers().map(ProviderConfig::name).collect();
        assert_eq!(names, ["aws-kms", "local-file"]);
        let ProviderConfig::Aws(aws) = &kms.first else {
            panic!("{kms:?}")
        };
        assert_eq!(aws.region, "eu-central-1");
    }

    #[test]
    fn every_problem_is_told_with_its_path() {
        let aws = |rest: &str| format!("[kms.aws]\n{rest}\n");
        let key = format!("key = \"{EXAMPLE_KEY}\"");
        for (text, path) in [
            ("[kms]\n".to_owned(), "kms: needs exactly one"),
            (aws("key = \"alias/docs\""), "kms.aws.key: is an alias"),
            (aws("key = \"1234\""), "kms.aws.region: is missing"),
            (
                aws(&format!("{key}\nregion = \"us-east-1\"")),
                "kms.aws.region: is not the key's own",
            ),
            (
                aws(&format!("{key}\nendpoint = \"http://kms.example.org\"")),
                "kms.aws.endpoint: must be https",
            ),
            (
                format!("[kms]\ncache_seconds = 86401\n{}", aws(&key)),
                "kms.cache_seconds: must be a number from 1 to 86400",
            ),
            (
                format!("[kms]\nstale_seconds = 3601\n{}", aws(&key)),
                "kms.stale_seconds: must be a number from 0 to 3600",
            ),
            (
                format!("{}[kms.second.aws]\n{key}\n", aws(&key)),
                "kms.second: both providers are named",
            ),
            (format!("{}[kms.third]\n", aws(&key)), "kms.third: is not"),
        ] {
            let (_, problems) = read(&text);
            assert!(
                problems.len() == 1 && problems[0].starts_with(path),
                "{path} not alone in {problems:?}"
            );
        }
    }
}
