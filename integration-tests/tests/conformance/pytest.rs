//! Runs the core of s3-tests under pytest and reads what became of each test.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use integration_tests::tools;

use crate::say;
use crate::subject::Subject;

/// What became of one test.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The test's name, with its parameters if it has any.
    pub(crate) name: String,
    outcome: String,
    /// Why it failed, in one line.
    pub(crate) reason: String,
}

impl Outcome {
    /// Whether it ran to its end and held.
    pub(crate) fn passed(&self) -> bool {
        self.outcome == "passed"
    }
}

/// Runs the core, or of the core what the pytest expression `only` selects. Skipped tests are left out.
pub(crate) fn run(checkout: &Path, subject: &Subject, only: Option<&str>) -> Vec<Outcome> {
    let results = subject.scratch().join("results");
    let settings = settings(subject);
    let mut command = Command::new(tools::target().join("conformance/bin/python"));
    command
        .args([
            "-m",
            "pytest",
            "-q",
            "--no-header",
            "--tb=no",
            "-p",
            "results",
        ])
        .args(["-p", "no:cacheprovider", "-m", &core()])
        .args(["--numprocesses", &WORKERS.to_string(), "--timeout", SECONDS])
        .args(only.iter().flat_map(|only| ["-k", only]))
        .arg("s3tests/functional/test_s3.py")
        .current_dir(checkout)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C.UTF-8")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", plugin())
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("CONFORMANCE_SETTINGS", &settings)
        .env("CONFORMANCE_RESULTS", &results)
        .stdin(Stdio::null());
    let status = command.status().expect("python starts");
    say(&format!("pytest: {status}"));
    let written = fs::read_to_string(&results).expect("pytest ran to its end");
    written.lines().filter_map(outcome).collect()
}

/// One file for each worker; their paths, separated by colons.
fn settings(subject: &Subject) -> String {
    let files = (0..WORKERS).map(|worker| {
        let file = subject.scratch().join(format!("worker-{worker}.conf"));
        fs::write(&file, subject.settings(worker)).expect("a file can be written");
        file.display().to_string()
    });
    files.collect::<Vec<_>>().join(":")
}

fn outcome(line: &str) -> Option<Outcome> {
    let mut fields = line.splitn(3, '\t').map(str::to_owned);
    let (name, outcome, reason) = (fields.next()?, fields.next()?, fields.next()?);
    (outcome != "skipped").then_some(Outcome {
        name,
        outcome,
        reason,
    })
}

fn core() -> String {
    let markers: Vec<String> = OUTSIDE
        .iter()
        .map(|marker| format!("not {marker}"))
        .collect();
    markers.join(" and ")
}

fn plugin() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/conformance")
}

/// The markers of tests that are not of the core: of Ceph's own extensions, of services beside S3, and of
/// what is refused as a whole.
const OUTSIDE: &[&str] = &[
    "abac_test",
    "appendobject",
    "auth_aws2",
    "bucket_encryption",
    "bucket_logging",
    "bucket_logging_cleanup",
    "cloud_restore",
    "cloud_transition",
    "encryption",
    "fails_on_aws",
    "group",
    "group_policy",
    "iam_account",
    "iam_cross_account",
    "iam_role",
    "iam_tenant",
    "iam_user",
    "lifecycle",
    "lifecycle_expiration",
    "lifecycle_transition",
    "role_policy",
    "s3select",
    "s3website",
    "s3website_redirect_location",
    "s3website_routing_rules",
    "session_policy",
    "sns",
    "sse_s3",
    "storage_class",
    "target_by_bucket",
    "test_of_sts",
    "user_policy",
    "webidentity_test",
];
/// How many tests run at once, each worker with accounts of its own.
pub(crate) const WORKERS: usize = 4;

/// A test that takes longer hangs.
const SECONDS: &str = "180";
