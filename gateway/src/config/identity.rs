//! `[[tenants.identity_providers]]`: who vouches for a tenant's people and programs, and what their word is worth
//! here.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::{Problems, Section};
use super::tls::authorities;
use super::upstream::endpoint_is_safe;
use crate::admin::AdminRole;

/// An `OpenID` Connect provider of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityProviderConfig {
    /// Its name here: principals are called `name/subject`.
    pub name: String,
    /// Its issuer identifier, compared to the letter with `iss`.
    pub issuer: String,
    /// Who tokens must be meant for (`aud`): at least one.
    pub audiences: Vec<String>,
    /// Whether it vouches for people or for programs.
    pub kind: IdentityKind,
    /// The claim that names the principal.
    pub principal_claim: String,
    /// Claims that policies are told of.
    pub claims: Vec<String>,
    /// Authorities that alone are trusted for its certificate, PEM; without, the machine's.
    pub ca_file: Option<PathBuf>,
    /// Whether a token with an id (`jti`) is taken once only.
    pub single_use: bool,
    /// Whether only users that an administrator has made get sessions.
    pub invited_only: bool,
    /// How long sessions last where the client does not say, and at most.
    pub session: SessionBounds,
    /// What counts as a second factor.
    pub mfa: MfaConfig,
    /// How long the provider's keys are used while it does not answer.
    pub outage: Duration,
    /// Which claim gives which role.
    pub roles: Vec<RoleRule>,
}

/// Whether a principal is somebody or something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityKind {
    /// A person.
    Human,
    /// A program.
    Service,
}

impl std::str::FromStr for IdentityKind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "human" => Ok(Self::Human),
            "service" => Ok(Self::Service),
            _ => Err("must be \"human\" or \"service\""),
        }
    }
}

/// How long sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionBounds {
    /// Where the client asks for nothing.
    pub usual: Duration,
    /// Whatever the client asks for.
    pub longest: Duration,
    /// Without a request, if there is such a limit.
    pub idle: Option<Duration>,
}

/// What counts as a second factor, by `amr` (RFC 8176) or `acr`; never without a fresh `auth_time`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MfaConfig {
    /// Whether nobody gets a session without.
    pub required: bool,
    /// Any of these in `amr`.
    pub amr: Vec<String>,
    /// Or one of these as `acr`.
    pub acr: Vec<String>,
    /// How long ago it may have been shown when a session begins.
    pub oldest: Duration,
}

/// A role for whoever has one of these values in a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRule {
    /// The role.
    pub role: String,
    /// The claim: text, or a list of texts.
    pub claim: String,
    /// Any of these.
    pub values: Vec<String>,
    /// The tenant that it is a role in, of an administrator of one tenant.
    pub tenant: Option<String>,
}

/// Reads `identity_providers` of a tenant.
pub(super) fn read_identity_providers(
    tenant: &mut Section,
    base: &Path,
    problems: &mut Problems,
) -> Vec<IdentityProviderConfig> {
    read_checked(tenant, base, problems, |rule| match rule.tenant {
        None => Ok(()),
        Some(_) => Err((
            "tenant",
            "is not a setting of a tenant's own roles".to_owned(),
        )),
    })
}

/// Reads `identity_providers` of administrators: people, in the roles of administrators. Their tokens are shown with
/// every call, so none is good once only.
pub(super) fn read_administrators(
    admin: &mut Section,
    base: &Path,
    problems: &mut Problems,
) -> Vec<IdentityProviderConfig> {
    let mut read = read_checked(admin, base, problems, |rule| {
        let role: AdminRole = rule.role.parse().map_err(|why| ("role", why))?;
        crate::admin::check_tenant(role, rule.tenant.as_deref())
            .map_err(|error| ("tenant", error.to_string()))
    });
    for (index, provider) in read.iter_mut().enumerate() {
        provider.single_use = false;
        if provider.kind != IdentityKind::Human {
            let path = format!("{}[{index}].kind", admin.at("identity_providers"));
            problems.add(&path, "must be \"human\": administrators are people");
        }
    }
    read
}

/// What is wrong with a rule, and in which of its settings.
type Fault = (&'static str, String);

fn read_checked(
    tenant: &mut Section,
    base: &Path,
    problems: &mut Problems,
    check: impl Fn(&RoleRule) -> Result<(), Fault>,
) -> Vec<IdentityProviderConfig> {
    let mut names = HashSet::new();
    let mut meant = HashSet::new();
    let mut providers = Vec::new();
    for mut section in tenant.sections("identity_providers", problems) {
        let read = read_provider(&mut section, base, problems, &check);
        if !names.insert(read.name.clone()) {
            problems.add(&section.at("name"), "is used twice in this tenant");
        }
        for audience in &read.audiences {
            if !meant.insert((read.issuer.clone(), audience.clone())) {
                problems.add(
                    &section.at("audiences"),
                    format!("{audience:?} of this issuer is another provider's already"),
                );
            }
        }
        section.finish(problems);
        providers.push(read);
    }
    providers
}

fn read_provider(
    section: &mut Section,
    base: &Path,
    problems: &mut Problems,
    check: impl Fn(&RoleRule) -> Result<(), Fault>,
) -> IdentityProviderConfig {
    let name = section.text("name", "sso", problems);
    if !name.is_empty() && !is_name(&name) {
        problems.add(&section.at("name"), NAME_RULE);
    }
    let issuer = section.text("issuer", "https://login.example.org", problems);
    if !issuer.is_empty()
        && let Err(why) = issuer_is_safe(&issuer)
    {
        problems.add(&section.at("issuer"), why);
    }
    let audiences = section.texts("audiences", problems);
    if audiences.is_empty() {
        problems.add(
            &section.at("audiences"),
            "needs at least one, as in audiences = [\"sealgate\"]",
        );
    }
    let kind = section
        .parsed("kind", "human", problems)
        .unwrap_or(IdentityKind::Human);
    let ca_file = section.optional_text("ca_file", problems).map(|file| {
        let file = base.join(file);
        if let Err(error) = authorities(&file) {
            problems.add(&section.at("ca_file"), crate::error::report(&error));
        }
        file
    });
    let reuse = section.optional_flag("single_use", problems);
    IdentityProviderConfig {
        name,
        issuer,
        audiences,
        kind,
        principal_claim: section
            .optional_text("principal_claim", problems)
            .unwrap_or_else(|| "sub".to_owned()),
        claims: section.texts("claims", problems),
        ca_file,
        invited_only: section.flag("invited_only", problems),
        single_use: reuse.unwrap_or(kind == IdentityKind::Human),
        session: read_session(section, kind, problems),
        mfa: read_mfa(section, kind, problems),
        outage: seconds(section, "outage_seconds", 0..=A_WEEK, AN_HOUR, problems),
        roles: read_roles(section, problems, check),
    }
}

fn read_session(
    section: &mut Section,
    kind: IdentityKind,
    problems: &mut Problems,
) -> SessionBounds {
    let longest = seconds(
        section,
        "longest_session_seconds",
        SESSION,
        HALF_A_DAY,
        problems,
    );
    let usual = seconds(section, "session_seconds", SESSION, AN_HOUR, problems);
    if usual > longest {
        problems.add(
            &section.at("session_seconds"),
            "must not be above longest_session_seconds",
        );
    }
    let idle = section.optional_number("idle_seconds", 0..=A_DAY, problems);
    let idle = idle.unwrap_or(match kind {
        IdentityKind::Human => IDLE,
        IdentityKind::Service => 0,
    });
    SessionBounds {
        usual,
        longest,
        idle: (idle > 0).then(|| Duration::from_secs(idle)),
    }
}

fn read_mfa(section: &mut Section, kind: IdentityKind, problems: &mut Problems) -> MfaConfig {
    let mut mfa = section
        .section("mfa", problems)
        .unwrap_or_else(|| section.empty("mfa"));
    let required = mfa.optional_flag("required", problems);
    let amr = mfa.texts("amr", problems);
    let acr = mfa.texts("acr", problems);
    let unsaid = amr.is_empty() && acr.is_empty();
    let read = MfaConfig {
        required: required.unwrap_or(kind == IdentityKind::Human),
        amr: if unsaid {
            SECOND_FACTORS.map(str::to_owned).to_vec()
        } else {
            amr
        },
        acr,
        oldest: seconds(
            &mut mfa,
            "oldest_seconds",
            60..=A_WEEK,
            HALF_A_DAY,
            problems,
        ),
    };
    mfa.finish(problems);
    read
}

fn read_roles(
    section: &mut Section,
    problems: &mut Problems,
    check: impl Fn(&RoleRule) -> Result<(), Fault>,
) -> Vec<RoleRule> {
    let mut rules = Vec::new();
    for mut rule in section.sections("roles", problems) {
        let role = rule.text("role", "reader", problems);
        if !role.is_empty() && !is_name(&role) {
            problems.add(&rule.at("role"), NAME_RULE);
        }
        let claim = rule.text("claim", "groups", problems);
        let values = rule.texts("values", problems);
        if values.is_empty() {
            problems.add(
                &rule.at("values"),
                "needs at least one, as in values = [\"readers\"]",
            );
        }
        let read = RoleRule {
            role,
            claim,
            values,
            tenant: rule.optional_text("tenant", problems),
        };
        if !read.role.is_empty()
            && let Err((name, why)) = check(&read)
        {
            problems.add(&rule.at(name), why);
        }
        rule.finish(problems);
        rules.push(read);
    }
    if rules.is_empty() {
        problems.add(
            &section.at("roles"),
            "needs at least one: who has no role gets no session",
        );
    }
    rules
}

fn seconds(
    section: &mut Section,
    name: &str,
    range: std::ops::RangeInclusive<u64>,
    usual: u64,
    problems: &mut Problems,
) -> Duration {
    let given = section.optional_number(name, range, problems);
    Duration::from_secs(given.unwrap_or(usual))
}

/// Keys are fetched over TLS; without it only inside this machine. An issuer may have a path.
fn issuer_is_safe(issuer: &str) -> Result<(), String> {
    let uri: http::Uri = issuer
        .parse()
        .map_err(|error| format!("is no URL: {error}"))?;
    if uri.query().is_some() || issuer.contains('#') {
        return Err("must have neither a query nor a fragment".to_owned());
    }
    let (scheme, authority) = (uri.scheme_str(), uri.authority());
    let (Some(scheme), Some(authority)) = (scheme, authority) else {
        return Err("must begin with https://".to_owned());
    };
    endpoint_is_safe(&format!("{scheme}://{authority}"))
}

/// What names roles and providers have: they stand in ARNs and in principals' names.
pub(super) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.@+=".contains(&byte))
}

pub(super) const NAME_RULE: &str = "must be 1 to 64 letters, digits or _ - . @ + =";

/// The methods of RFC 8176 that are, or cannot go without, a second factor.
const SECOND_FACTORS: [&str; 6] = ["mfa", "otp", "hwk", "swk", "sc", "fido"];

const AN_HOUR: u64 = 3600;
const HALF_A_DAY: u64 = 12 * AN_HOUR;
const A_DAY: u64 = 24 * AN_HOUR;
const A_WEEK: u64 = 7 * A_DAY;
/// Auto-logoff of people, in seconds.
const IDLE: u64 = 900;
/// What AWS allows, in seconds.
const SESSION: std::ops::RangeInclusive<u64> = 900..=43_200;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<IdentityProviderConfig>, Vec<String>) {
        let mut problems = Problems::default();
        let mut tenant = Section::root(text.parse().unwrap());
        let read = read_identity_providers(&mut tenant, Path::new("/etc/sealgate"), &mut problems);
        tenant.finish(&mut problems);
        let problems = problems.into_vec();
        (read, problems.iter().map(ToString::to_string).collect())
    }

    /// One provider, with nothing wrong.
    pub(in crate::config) const GOOD: &str = r#"
        [[identity_providers]]
        name = "sso"
        issuer = "https://login.example.org/realms/clinic"
        audiences = ["sealgate"]
        kind = "human"
        [[identity_providers.roles]]
        role = "reader"
        claim = "groups"
        values = ["readers"]
    "#;

    #[test]
    fn people_need_a_second_factor_and_are_logged_off_unless_said_otherwise() {
        let (read_providers, problems) = read(GOOD);
        assert!(problems.is_empty(), "{problems:?}");
        let provider = &read_providers[0];
        assert!(provider.mfa.required && provider.single_use);
        assert_eq!(provider.session.idle, Some(Duration::from_mins(15)));
        let (services, _) = read(&GOOD.replace("human", "service"));
        let service = &services[0];
        assert!(!service.mfa.required && !service.single_use);
        assert_eq!(service.session.idle, None);
    }

    #[test]
    fn every_mistake_is_told_with_its_path() {
        let text = GOOD
            .replace("https://login", "http://login")
            .replace("\"human\"", "\"robot\"")
            .replace("[\"sealgate\"]", "[]")
            .replace("\"sso\"", "\"s/o\"")
            .replace("[\"readers\"]", "[]")
            + "when = 1\n";
        let (_, problems) = read(&text);
        for path in [
            "identity_providers[0].issuer: must be https",
            "identity_providers[0].kind: must be",
            "identity_providers[0].audiences: needs",
            "identity_providers[0].name: must be",
            "identity_providers[0].roles[0].values: needs",
            "identity_providers[0].roles[0].when: is not a setting",
        ] {
            assert!(
                problems.iter().any(|problem| problem.starts_with(path)),
                "{path} not in {problems:#?}"
            );
        }
        assert_eq!(problems.len(), 6, "{problems:#?}");
    }

    #[test]
    fn administrators_are_people_in_roles_of_administrators() {
        let administrators = |text: &str| {
            let mut problems = Problems::default();
            let mut admin = Section::root(text.parse().unwrap());
            let read = read_administrators(&mut admin, Path::new("/etc"), &mut problems);
            let problems = problems.into_vec();
            let paths: Vec<String> = problems.into_iter().map(|one| one.path).collect();
            (read, paths)
        };
        let officer = GOOD.replace("\"reader\"", "\"security-officer\"");
        let (found, problems) = administrators(&officer);
        assert!(problems.is_empty(), "{problems:?}");
        assert!(!found[0].single_use && found[0].mfa.required);
        let owner = GOOD.replace("\"reader\"", "\"tenant-owner\"\ntenant = \"clinic\"");
        assert!(administrators(&owner).1.is_empty());
        for (text, path) in [
            (GOOD.to_owned(), "identity_providers[0].roles[0].role"),
            (
                owner.replace("tenant = \"clinic\"", ""),
                "identity_providers[0].roles[0].tenant",
            ),
            (
                format!("{officer}\ntenant = \"clinic\""),
                "identity_providers[0].roles[0].tenant",
            ),
            (
                officer.replace("human", "service"),
                "identity_providers[0].kind",
            ),
        ] {
            assert_eq!(administrators(&text).1, [path], "{text}");
        }
        // A tenant's own roles are in that tenant.
        assert_eq!(read(&format!("{GOOD}\ntenant = \"lab\"")).1.len(), 1);
    }

    #[test]
    fn one_issuer_and_audience_is_one_provider() {
        let twice = format!("{GOOD}{}", GOOD.replace("\"sso\"", "\"other\""));
        let (_, problems) = read(&twice);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].starts_with("identity_providers[1].audiences: "));
    }
}
