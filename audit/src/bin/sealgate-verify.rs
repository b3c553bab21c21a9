//! `sealgate-verify`: checks a trail, or a receipt, offline. It knows public keys only: no network, no gateway.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use audit::signed::VerifyingKey;
use audit::verify::{
    Code, EXTRACT, Extract, Finding, LINES, Receipt, Report, Severity, extract, verify_evidence,
    verify_extract, verify_lines, verify_receipt, verify_trail,
};
use clap::{Parser, Subcommand};

/// Verify a Sealgate audit trail offline, with nothing but the deployment's public key.
#[derive(Debug, Parser)]
#[command(
    name = "sealgate-verify",
    version,
    after_help = "Exit codes: 0 clean, 1 could not be done, 2 mistyped, or the trail declares gaps, 3 something was altered, 4 something is missing."
)]
struct Cli {
    /// The deployment's verification key (`sealgate audit key`), or a file with it.
    #[arg(long, global = true, value_name = "KEY")]
    key: Option<String>,
    /// Print the report as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check every log below a directory: a journal, or an archive wherever it was copied to.
    Trail {
        /// The directory.
        directory: PathBuf,
    },
    /// Take one tenant's lines out of a trail, each with its proof. Needs no key.
    Extract {
        /// The directory.
        directory: PathBuf,
        /// Whose lines.
        #[arg(long)]
        tenant: String,
        /// The new file.
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
    },
    /// Check an extract: every line is on the trail, and none of the tenant's is missing.
    Tenant {
        /// The extract.
        extract: PathBuf,
    },
    /// Check lines that a search gave with their proofs: each is on the trail. Says nothing of other lines.
    Lines {
        /// What `sealgate audit search --with-proof` wrote.
        lines: PathBuf,
    },
    /// Check an evidence pack: the deployment signed it, no file is altered, missing or added, and its proofs hold.
    Evidence {
        /// What `sealgate evidence` wrote.
        pack: PathBuf,
    },
    /// Check the receipt of an upload, and with --file that a file is what was uploaded.
    Receipt {
        /// The receipt, as `GET <object>?attestation` gives it.
        receipt: PathBuf,
        /// The file.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let key = || key_of(cli.key.as_deref());
    let outcome = match &cli.what {
        What::Trail { directory } => key().and_then(|key| trail(directory, &key, cli.json)),
        What::Extract {
            directory,
            tenant,
            out,
        } => take_out(directory, tenant, out),
        What::Tenant { extract } => key().and_then(|key| of_tenant(extract, &key, cli.json)),
        What::Lines { lines } => key().and_then(|key| of_lines(lines, &key, cli.json)),
        What::Evidence { pack } => key().and_then(|key| of_pack(pack, &key, cli.json)),
        What::Receipt { receipt, file } => {
            key().and_then(|key| check(receipt, file.as_deref(), &key, cli.json))
        }
    };
    outcome.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "sealgate-verify: {error}");
        ExitCode::FAILURE
    })
}

type Outcome = Result<ExitCode, String>;

fn key_of(given: Option<&str>) -> Result<VerifyingKey, String> {
    let given = given.ok_or(
        "--key is missing: what `sealgate audit key` prints, from a source that you trust",
    )?;
    let parsed = given
        .parse()
        .or_else(|error| match std::fs::read_to_string(given) {
            Ok(text) => text.parse(),
            Err(_) => Err(error),
        });
    parsed.map_err(|error| format!("--key: {error}"))
}

fn trail(directory: &Path, key: &VerifyingKey, json: bool) -> Outcome {
    let report = verify_trail(directory, key).map_err(|error| with_source(&error))?;
    give(&report, json)
}

fn take_out(directory: &Path, tenant: &str, out: &Path) -> Outcome {
    let taken = extract(directory, tenant).map_err(|error| with_source(&error))?;
    let text = serde_json::to_string_pretty(&taken).map_err(|error| error.to_string())?;
    std::fs::write(out, text).map_err(|error| format!("{}: {error}", out.display()))?;
    let lines: usize = taken.logs.iter().map(|log| log.lines.len()).sum();
    say(&format!("{}: {lines} lines of {tenant}", out.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn of_tenant(path: &Path, key: &VerifyingKey, json: bool) -> Outcome {
    give(&verify_extract(&read(path, EXTRACT)?, key), json)
}

fn of_lines(path: &Path, key: &VerifyingKey, json: bool) -> Outcome {
    give(&verify_lines(&read(path, LINES)?, key), json)
}

fn of_pack(path: &Path, key: &VerifyingKey, json: bool) -> Outcome {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (manifest, report) = verify_evidence(BufReader::new(file), key)
        .map_err(|error| format!("{} is no pack: {}", path.display(), with_source(&error)))?;
    if let Some(manifest) = manifest.filter(|_| !json) {
        let subject = &manifest.subject;
        say(&format!(
            "{} files about {} from {} to {}, made {} by {}",
            manifest.files.len(),
            subject.tenant,
            subject.from,
            subject.to,
            subject.made,
            manifest.deployment
        ))?;
    }
    give(&report, json)
}

fn read(path: &Path, kind: &str) -> Result<Extract, String> {
    let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&text)
        .ok()
        .filter(|extract: &Extract| extract.kind == kind)
        .ok_or_else(|| format!("{} is not of the kind {kind:?}", path.display()))
}

fn give(report: &Report, json: bool) -> Outcome {
    if json {
        say(&serde_json::to_string_pretty(report).map_err(|error| error.to_string())?)?;
    } else {
        tell(report)?;
    }
    Ok(ExitCode::from(report.exit_code()))
}

fn tell(report: &Report) -> Result<(), String> {
    for finding in &report.findings {
        say(&in_words(finding))?;
    }
    let verdict = match report.exit_code() {
        0 => "clean",
        2 => "the trail declares gaps",
        3 => "ALTERED: somebody changed what was recorded",
        _ => "incomplete: pieces are missing",
    };
    say(&format!(
        "{} logs, {} lines, {} of them signed: {verdict}",
        report.logs, report.lines, report.signed
    ))
}

fn in_words(finding: &Finding) -> String {
    let severity = match finding.code.severity() {
        Severity::Tamper => "altered",
        Severity::Incomplete => "missing",
        Severity::Gap => "gap",
        Severity::Note => "note",
    };
    let log = match finding.code {
        _ if !finding.log.is_empty() => &finding.log,
        Code::SuperLog | Code::SuperLogMissing => "super-log",
        _ => "pack",
    };
    let lines = match (finding.first, finding.last) {
        (Some(first), Some(last)) if first == last => format!(" line {first}"),
        (Some(first), Some(last)) => format!(" lines {first} to {last}"),
        _ => String::new(),
    };
    let what = finding.what.as_deref().unwrap_or_default();
    let words = format!("{severity:8} {} {log}{lines} {what}", finding.code.as_str());
    words.trim_end().to_owned()
}

fn check(receipt: &Path, file: Option<&Path>, key: &VerifyingKey, json: bool) -> Outcome {
    let text = std::fs::read(receipt).map_err(|error| format!("{}: {error}", receipt.display()))?;
    let receipt: Receipt = serde_json::from_slice(&text)
        .map_err(|error| format!("{} is no receipt: {error}", receipt.display()))?;
    let verified = verify_receipt(&receipt, key).and_then(|verified| {
        if let Some(path) = file {
            verified
                .statement
                .check(BufReader::new(File::open(path)?))?;
        }
        Ok(verified)
    });
    let verified = match verified {
        Ok(verified) => verified,
        Err(problem) => {
            say(&format!("NOT PROVED: {}", with_source(&problem)))?;
            return Ok(ExitCode::from(3));
        }
    };
    if json {
        say(&serde_json::to_string_pretty(&verified).map_err(|error| error.to_string())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let statement = &verified.statement;
    say(&format!("object    {}/{}", statement.bucket, statement.key))?;
    say(&format!("tenant    {}", statement.tenant))?;
    say(&format!(
        "uploaded  {} by {}",
        statement.time, statement.uploader
    ))?;
    say(&format!(
        "content   {} bytes, {} {}",
        statement.size, statement.algorithm, statement.digest
    ))?;
    say(&format!(
        "on record line {} of {}",
        verified.seq, verified.log
    ))?;
    say(match file {
        Some(_) => "proved: this file is what was uploaded, and the trail says so",
        None => "proved: the trail says so; with --file a file is compared",
    })?;
    Ok(ExitCode::SUCCESS)
}

fn with_source(error: &dyn std::error::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    words.join(": ")
}

fn say(line: &str) -> Result<(), String> {
    writeln!(io::stdout(), "{line}").map_err(|error| error.to_string())
}
