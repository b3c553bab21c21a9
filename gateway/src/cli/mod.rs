//! The command line: what a person types, turned into calls. No logic of its own.

mod admin;
mod archive;
mod audit;
mod buckets;
mod changing;
mod client;
mod credentials;
mod csv;
mod dev;
mod docs;
mod evidence;
mod inspect;
mod jobs;
mod key_copies;
mod keys;
mod object;
mod policy;
mod policy_diff;
mod review;
mod roles;
mod scrub;
mod search;
mod self_signed;
mod serve;
mod tenants;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use terminal::Terminal;

/// Sealgate: an S3-compatible gateway that seals every object before it reaches the bucket.
#[derive(Debug, Parser)]
#[command(
    name = "sealgate",
    version,
    about,
    propagate_version = true,
    after_help = "Exit codes: 0 done, 1 could not be done, 2 mistyped, 3 done and found something wrong."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run on this machine with no configuration: an embedded bucket, a demo tenant, keys in a file.
    Dev(dev::Dev),
    /// Run with a configuration file.
    Serve {
        /// The configuration file (TOML).
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Work with configuration files.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at stored objects.
    #[command(subcommand)]
    Object(ObjectCommand),
    /// Check every object of a bucket in its store, without opening any.
    Scrub(scrub::ScrubOptions),
    /// Work with tenants' keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Check, test and ask policies, without a gateway.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Work with administrators' credentials and approvals.
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Work with tenants.
    #[command(subcommand)]
    Tenant(tenants::TenantCommand),
    /// Declare what buckets are for, how their keys are split and where their objects may lie.
    #[command(subcommand)]
    Bucket(buckets::BucketCommand),
    /// Say what roles include and how long sessions in them last.
    #[command(subcommand)]
    Role(roles::RoleCommand),
    /// Work with a tenant's users and their sessions.
    #[command(subcommand)]
    User(tenants::UserCommand),
    /// Work with users' long-lived access keys.
    #[command(subcommand)]
    Credential(credentials::CredentialCommand),
    /// Break the glass in emergencies, and review it afterwards.
    #[command(subcommand)]
    Emergency(credentials::EmergencyCommand),
    /// Review who can do what, and sign the review.
    #[command(subcommand)]
    AccessReview(review::ReviewCommand),
    /// Give the receipt of an upload: what was uploaded, when and by whom, with the proof that it is on record.
    Attestation(object::Attestation),
    /// Work with the audit trail.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Make an evidence pack: what an auditor asks of a tenant, in a zip that the deployment signs.
    Evidence(evidence::Evidence),
    /// Print documentation that is made from the program.
    #[command(subcommand, hide = true)]
    Docs(docs::DocsCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Report every problem of a configuration file at once.
    Check {
        /// The configuration file (TOML).
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum ObjectCommand {
    /// Explain a stored object's bytes, without any key.
    Inspect(inspect::Inspect),
    /// Check a stored object's structure and hashes without any key; with an audit key its MAC too.
    Verify(object::Verify),
    /// Open a stored object into a file, with the keys and without a gateway.
    Open(object::Open),
}

/// Runs the program.
pub fn run() -> ExitCode {
    crate::spills::prevent();
    let cli = Cli::parse();
    let mut terminal = Terminal::default();
    let result = match cli.command {
        Command::Dev(dev) => dev.run(&mut terminal).map(Outcome::from),
        Command::Serve { config } => serve::serve(&config, &mut terminal).map(Outcome::from),
        Command::Config(ConfigCommand::Check { file }) => {
            serve::check(&file, &mut terminal).map(Outcome::from)
        }
        Command::Object(ObjectCommand::Inspect(inspect)) => {
            inspect.run(&mut terminal).map(Outcome::from)
        }
        Command::Object(ObjectCommand::Verify(verify)) => verify.run(&mut terminal),
        Command::Object(ObjectCommand::Open(open)) => open.run(&mut terminal),
        Command::Scrub(scrub) => scrub.run(&mut terminal),
        Command::Keys(keys) => keys.run(&mut terminal),
        Command::Policy(policy) => policy.run(&mut terminal),
        Command::Admin(admin) => admin.run(&mut terminal),
        Command::Tenant(tenant) => tenant.run(&mut terminal),
        Command::Bucket(bucket) => bucket.run(&mut terminal),
        Command::Role(user) => user.run(&mut terminal),
        Command::User(user) => user.run(&mut terminal),
        Command::Credential(credential) => credential.run(&mut terminal),
        Command::Emergency(emergency) => emergency.run(&mut terminal),
        Command::AccessReview(review) => review.run(&mut terminal),
        Command::Attestation(attestation) => attestation.run(&mut terminal),
        Command::Audit(audit) => audit.run(&mut terminal),
        Command::Evidence(evidence) => evidence.run(&mut terminal).map(Outcome::from),
        Command::Docs(docs) => docs.run(Cli::command(), &mut terminal),
    };
    match result {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(FOUND),
        Err(failure) => {
            terminal.complain(&failure.0);
            ExitCode::FAILURE
        }
    }
}

/// How a command that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// As hoped.
    Clean,
    /// It looked for damage and found some.
    Found,
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Clean
    }
}

/// Runs what waits for a store or a disk.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::new(&error))?;
    Ok(runtime.block_on(work))
}

/// The exit code of a tool that found something wrong; 1 is for what could not be done, 2 for what was mistyped.
const FOUND: u8 = 3;

/// Why a command failed, in words for the person who typed it.
#[derive(Debug)]
struct Failure(String);

impl Failure {
    fn new(error: &dyn std::error::Error) -> Self {
        Self(crate::error::report(error))
    }
}

impl From<crate::tools::ToolError> for Failure {
    fn from(error: crate::tools::ToolError) -> Self {
        Self::new(&error)
    }
}
