//! `sealgate policy`: holds policies against the schema and against cases, and asks them questions, without a
//! gateway. Reads files; changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use http::Method;
use policies::cases::{Cases, How, told};
use policies::{
    Action, Context, Decision, Layers, PolicySet, Principal, Problem, Request, Resource,
    SCHEMA_TEXT, TEMPLATES, compile_bucket_policy, decide,
};
use serde_json::{Value, json};

use super::changing::{Grave, change};
use super::client::{AdminOptions, segment};
use super::terminal::Terminal;
use super::{Failure, Outcome, policy_diff, serve};
use crate::config::{Config, TenantConfig, read_policy_file};

/// What can be asked of policies.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Validate policy files strictly; tell every problem with its file and line.
    Check {
        /// Files of Cedar policies.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask the questions of a file of cases, and tell which answers are not those expected.
    Test {
        /// The file of cases (TOML); docs/policies.md has examples.
        cases: PathBuf,
        /// Files of Cedar policies to ask, with the product's.
        #[arg(long, num_args = 1.., conflicts_with = "config")]
        policies: Vec<PathBuf>,
        /// Without the policies of the shipped roles.
        #[arg(long, conflicts_with = "config")]
        no_shipped_roles: bool,
        /// A configuration whose tenant's policies are asked instead.
        #[arg(long, value_name = "FILE", requires = "tenant")]
        config: Option<PathBuf>,
        /// The tenant.
        #[arg(long)]
        tenant: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prove what a change of policies changes: for every action, whether the new ones permit anything that the old ones
    /// do not, and a request that shows it.
    Diff(policy_diff::Diff),
    /// List the principals of a configuration who may do something.
    WhoCan {
        #[command(flatten)]
        question: Question,
    },
    /// Tell what is decided about one principal of a configuration, and by which policies.
    Simulate {
        /// The principal's name.
        #[arg(long)]
        principal: String,
        #[command(flatten)]
        question: Question,
    },
    /// Put the policies of a tenant whose configuration declares none; they decide within five seconds. To take the
    /// class attestation or contract away from a bucket needs the leave of two others.
    Put {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// Files of Cedar policies; they replace those that were put before.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Only what the files permit, without the policies of the shipped roles.
        #[arg(long)]
        no_shipped_roles: bool,
        /// What a bucket is for: `records=clinical`.
        #[arg(long = "class", value_name = "BUCKET=CLASS")]
        classes: Vec<String>,
        #[command(flatten)]
        how: Grave,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// Print the policies that were put for a tenant.
    Get {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        options: AdminOptions,
    },
    /// List the templates, or print one of them.
    Templates {
        /// Its name.
        name: Option<String>,
        /// Print its cases instead.
        #[arg(long, requires = "name")]
        cases: bool,
    },
    /// Print the schema: everything that policies can ask.
    Schema,
    /// Print the Cedar policies that a bucket policy in IAM's JSON becomes, or why it is refused.
    Translate {
        /// The bucket policy (JSON).
        file: PathBuf,
        /// The tenant of the bucket.
        #[arg(long)]
        tenant: String,
        /// The bucket.
        #[arg(long)]
        bucket: String,
    },
}

/// A question to a tenant's policies.
#[derive(Debug, Args)]
pub(super) struct Question {
    /// What is done, as IAM names it: s3:GetObject.
    action: String,
    /// On what: BUCKET, BUCKET/KEY, or nothing for the tenant itself.
    resource: Option<String>,
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The tenant; need not be named if there is one only.
    #[arg(long)]
    tenant: Option<String>,
    /// The circumstances, in a case's words: 'srcIp = "10.0.0.7", mfaAge = "5m"'.
    #[arg(long, value_name = "TOML", default_value = "")]
    context: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl PolicyCommand {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        match self {
            Self::Check { files, json } => check(&files, json, terminal),
            Self::Diff(diff) => diff.run(terminal),
            Self::Test {
                cases,
                policies,
                no_shipped_roles,
                config,
                tenant,
                json,
            } => {
                let set = match config {
                    Some(file) => {
                        let config = serve::load(&file)?;
                        (*declared(&config, tenant.as_deref())?.set).clone()
                    }
                    None => loaded(&policies, !no_shipped_roles)?,
                };
                test(&cases, &set, json, terminal)
            }
            Self::Put {
                tenant,
                files,
                no_shipped_roles,
                classes,
                how,
                options,
            } => put(
                &tenant,
                &files,
                !no_shipped_roles,
                &classes,
                (&how, &options),
                terminal,
            ),
            Self::Get { tenant, options } => get(&tenant, &options, terminal),
            Self::WhoCan { question } => question.who_can(terminal),
            Self::Simulate {
                principal,
                question,
            } => question.simulate(&principal, terminal),
            Self::Templates { name, cases } => templates(name.as_deref(), cases, terminal),
            Self::Schema => {
                terminal.say(SCHEMA_TEXT.trim_end());
                Ok(Outcome::Clean)
            }
            Self::Translate {
                file,
                tenant,
                bucket,
            } => {
                let source = read_policy_file(&file).map_err(Failure)?;
                let compiled = compile_bucket_policy(source.text.as_bytes(), &tenant, &bucket)
                    .map_err(|malformed| Failure(format!("{}: {malformed}", file.display())))?;
                terminal.say(compiled.cedar.trim_end());
                Ok(Outcome::Clean)
            }
        }
    }
}

fn check(files: &[PathBuf], json: bool, terminal: &mut Terminal) -> Result<Outcome, Failure> {
    let checked = parsed(files, false)?;
    if json {
        let found = checked.as_ref().err().map_or(&[][..], Vec::as_slice);
        let problems: Vec<Value> = found
            .iter()
            .map(|one| {
                json!({ "file": one.file, "line": one.line, "message": one.message, "remedy": one.remedy })
            })
            .collect();
        terminal.say_json(&json!({ "problems": problems }))?;
        return Ok(if problems.is_empty() {
            Outcome::Clean
        } else {
            Outcome::Found
        });
    }
    let set = checked.map_err(all_of)?;
    let own = set.len().saturating_sub(PolicySet::shipped(false).len());
    terminal.say(&format!("{own} policies, no problems"));
    Ok(Outcome::Clean)
}

fn loaded(files: &[PathBuf], roles: bool) -> Result<PolicySet, Failure> {
    parsed(files, roles)?.map_err(all_of)
}

/// The policies of files, or all that is wrong with them.
fn parsed(files: &[PathBuf], roles: bool) -> Result<Result<PolicySet, Vec<Problem>>, Failure> {
    let sources = files
        .iter()
        .map(|file| read_policy_file(file).map_err(Failure))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(PolicySet::with_shipped(roles, &sources))
}

/// Every problem on a line of its own.
pub(super) fn all_of(problems: Vec<Problem>) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure(lines.join("\n"))
}

fn put(
    tenant: &str,
    files: &[PathBuf],
    shipped_roles: bool,
    classes: &[String],
    (how, options): (&Grave, &AdminOptions),
    terminal: &mut Terminal,
) -> Result<Outcome, Failure> {
    loaded(files, shipped_roles)?;
    let mut named = serde_json::Map::new();
    for file in files {
        let source = read_policy_file(file).map_err(Failure)?;
        named.insert(source.name, source.text.into());
    }
    let mut of_buckets = serde_json::Map::new();
    for class in classes {
        let (bucket, class) = class
            .split_once('=')
            .ok_or_else(|| Failure(format!("--class {class}: write BUCKET=CLASS")))?;
        of_buckets.insert(bucket.to_owned(), class.into());
    }
    let path = format!("/v1/tenants/{}/policies", segment(tenant));
    let before = options.ask(Method::GET, &path, None)?;
    let body = json!({
        "policies": { "files": named, "shipped_roles": shipped_roles, "classes": of_buckets },
        "version": before.get("version"),
    });
    change(terminal, options, &path, body, how.how())
}

fn get(tenant: &str, options: &AdminOptions, terminal: &mut Terminal) -> Result<Outcome, Failure> {
    let path = format!("/v1/tenants/{}/policies", segment(tenant));
    let answer = options.ask(Method::GET, &path, None)?;
    if options.json {
        terminal.say_json(&answer)?;
        return Ok(Outcome::Clean);
    }
    let files = answer.pointer("/policies/files").and_then(Value::as_object);
    for (name, text) in files.into_iter().flatten() {
        terminal.say(&format!(
            "// {name}\n{}",
            text.as_str().unwrap_or_default().trim_end()
        ));
    }
    if files.is_none() {
        terminal.say(&format!("{tenant} has no policies of its own here"));
    }
    Ok(Outcome::Clean)
}

fn test(
    file: &Path,
    set: &PolicySet,
    json: bool,
    terminal: &mut Terminal,
) -> Result<Outcome, Failure> {
    let source = read_policy_file(file).map_err(Failure)?;
    let cases = Cases::parse(&source.text)
        .map_err(|error| Failure(format!("{}: {error}", file.display())))?;
    let surprises = cases.surprises(set);
    if json {
        let told: Vec<Value> = surprises
            .iter()
            .map(|one| json!({ "name": one.name, "came": one.came }))
            .collect();
        terminal.say_json(&json!({ "cases": cases.cases.len(), "surprises": told }))?;
    } else {
        for surprise in &surprises {
            terminal.say(&format!("{}: {}", surprise.name, surprise.came));
        }
        terminal.say(&format!(
            "{} cases, {} otherwise than expected",
            cases.cases.len(),
            surprises.len()
        ));
    }
    Ok(if surprises.is_empty() {
        Outcome::Clean
    } else {
        Outcome::Found
    })
}

fn templates(name: Option<&str>, cases: bool, terminal: &mut Terminal) -> Result<Outcome, Failure> {
    let Some(name) = name else {
        for template in TEMPLATES {
            let what = template.text.lines().next().unwrap_or_default();
            let what = what.trim_start_matches("// ");
            terminal.say(&format!("{:<20} {what}", template.name));
        }
        return Ok(Outcome::Clean);
    };
    let found = TEMPLATES.iter().find(|template| template.name == name);
    let found = found.ok_or_else(|| {
        Failure(format!(
            "there is no template {name}; `sealgate policy templates` lists them"
        ))
    })?;
    let text = if cases { found.cases } else { found.text };
    terminal.say(text.trim_end());
    Ok(Outcome::Clean)
}

fn tenant_of<'a>(config: &'a Config, named: Option<&str>) -> Result<&'a TenantConfig, Failure> {
    let tenants = &config.tenants;
    match (named, tenants.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure("name a tenant with --tenant".to_owned())),
        (Some(id), _) => tenants
            .iter()
            .find(|tenant| tenant.id == id)
            .ok_or_else(|| Failure(format!("the configuration declares no tenant {id}"))),
    }
}

#[derive(serde::Deserialize)]
struct Given {
    context: How,
}

/// A tenant of a configuration, and what decides about it as far as the configuration says.
struct DeclaredTenant<'a> {
    tenant: &'a TenantConfig,
    set: Arc<PolicySet>,
}

fn declared<'a>(config: &'a Config, named: Option<&str>) -> Result<DeclaredTenant<'a>, Failure> {
    let tenant = tenant_of(config, named)?;
    let own = tenant.policies.as_ref();
    let set = own.map_or_else(|| config.guardrails.alone(), |own| Arc::clone(&own.set));
    Ok(DeclaredTenant { tenant, set })
}

/// What a question needs, read.
struct Asked<'a> {
    tenant: &'a TenantConfig,
    set: Arc<PolicySet>,
    action: Action,
    resource: Resource,
    context: Context,
}

impl Question {
    fn read<'a>(&self, config: &'a Config) -> Result<Asked<'a>, Failure> {
        let DeclaredTenant { tenant, set } = declared(config, self.tenant.as_deref())?;
        let action: Action = self
            .action
            .parse()
            .map_err(|error: policies::UnknownAction| Failure::new(&error))?;
        let (bucket, key) = match self.resource.as_deref().map(|text| text.split_once('/')) {
            None => (None, None),
            Some(None) => (self.resource.clone(), None),
            Some(Some((bucket, key))) => (Some(bucket.to_owned()), Some(key.to_owned())),
        };
        let classes = tenant.policies.as_ref().map(|policies| &policies.classes);
        let class = bucket.as_ref().and_then(|bucket| classes?.get(bucket));
        let given: Given = toml::from_str(&format!("context = {{ {} }}", self.context))
            .map_err(|error| Failure(format!("--context: {error}")))?;
        Ok(Asked {
            action,
            resource: Resource {
                tenant: tenant.id.clone(),
                class: class.cloned(),
                bucket,
                key,
                ..Resource::default()
            },
            context: given.context.read().map_err(|error| Failure::new(&error))?,
            tenant,
            set,
        })
    }

    fn who_can(&self, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let config = serve::load(&self.config)?;
        let asked = self.read(&config)?;
        let principals = asked.principals();
        let may: Vec<(&str, Vec<String>)> = principals
            .iter()
            .filter_map(|principal| match asked.decide(principal) {
                Decision::Permit { policies } => Some((principal.name.as_str(), policies)),
                Decision::Deny(_) => None,
            })
            .collect();
        if self.json {
            let list: Vec<Value> = may
                .iter()
                .map(|(name, by)| json!({ "principal": name, "policies": by }))
                .collect();
            terminal.say_json(&list)?;
        } else {
            for (name, by) in &may {
                terminal.say(&format!("{name}  by {}", by.join(", ")));
            }
            terminal.say(&format!("{} of {} principals", may.len(), principals.len()));
        }
        Ok(Outcome::Clean)
    }

    fn simulate(&self, name: &str, terminal: &mut Terminal) -> Result<Outcome, Failure> {
        let config = serve::load(&self.config)?;
        let asked = self.read(&config)?;
        let principals = asked.principals();
        let principal = principals.iter().find(|principal| principal.name == name);
        let principal = principal.ok_or_else(|| {
            Failure(format!(
                "the tenant {} declares no principal {name}",
                asked.tenant.id
            ))
        })?;
        let decision = asked.decide(principal);
        if self.json {
            terminal.say_json(&json!({
                "permitted": decision.is_permit(),
                "policies": decision.rules(),
            }))?;
        } else {
            terminal.say(&told(&decision));
        }
        Ok(Outcome::Clean)
    }
}

impl Asked<'_> {
    /// The principals that the configuration declares, each once, with all its roles.
    fn principals(&self) -> Vec<Principal> {
        let mut principals: Vec<Principal> = Vec::new();
        for credential in &self.tenant.credentials {
            let (name, role) = (&credential.principal, credential.role.name());
            match principals.iter_mut().find(|known| known.name == *name) {
                Some(known) => {
                    known.roles.insert(role.to_owned());
                }
                None => principals.push(Principal::with_roles(&self.tenant.id, name, [role])),
            }
        }
        principals
    }

    fn decide(&self, principal: &Principal) -> Decision {
        let request = Request {
            principal,
            action: self.action,
            resource: &self.resource,
            context: &self.context,
        };
        decide(Layers::of(&self.set), &request)
    }
}
