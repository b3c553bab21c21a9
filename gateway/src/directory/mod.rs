//! Who exists: tenants, their users and their long-lived access keys, declared in the configuration or kept in control
//! documents. What the configuration declares cannot be changed but there.

mod access_key_id;
mod buckets;
mod documents;
mod roles;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use moka::sync::Cache;
use policies::{Kind, Principal};

use crate::clock::Clock;
use crate::config::{IdentityKind, TenantConfig, TenantLimits, TenantSettings};
use crate::control::{Control, ControlError};
use crate::sessions::Session;
use crate::sigv4::SecretKey;

pub use access_key_id::AccessKeyIds;
pub use buckets::{BucketDocument, DeclaredBucket, KeyMode, is_bucket_name, is_kept};
pub use documents::{AccessKeyDocument, TenantDocument, UserDocument, UserKind};
pub use roles::{MOST_INCLUDED, RoleBounds, RoleDocument, RolesError, is_role_name};

/// All tenants, users and access keys.
#[derive(Debug)]
pub struct Directory {
    /// The tenants of the configuration, and what it says of each.
    tenants: BTreeMap<String, Arc<TenantSettings>>,
    declared: HashMap<String, Arc<Credential>>,
    /// What the configuration says of each principal that it declares.
    principals: BTreeMap<(String, String), DeclaredPrincipal>,
    /// What it says of buckets, by tenant and name.
    buckets: HashMap<String, BTreeMap<String, Arc<BucketDocument>>>,
    control: Control,
    ids: AccessKeyIds,
    known: Cache<(), Arc<BTreeSet<String>>>,
    /// By their text.
    settings: Cache<String, Arc<TenantSettings>>,
    inherited: TenantLimits,
    clock: Clock,
}

/// A long-lived access key and whom it stands for.
#[derive(Debug)]
pub struct Credential {
    /// The secret half.
    pub secret: Arc<SecretKey>,
    /// Who acts with it.
    pub principal: Arc<Principal>,
    /// Where it may be used from; none: from anywhere.
    pub networks: Vec<IpNet>,
    /// The client's certificate it may be used with only: its SHA-256, hexadecimal.
    pub certificate: Option<String>,
    /// When it ends.
    pub expires: Option<SystemTime>,
}

/// A principal of the configuration.
#[derive(Debug, Clone, Default)]
pub struct DeclaredPrincipal {
    /// Its roles.
    pub roles: BTreeSet<String>,
    /// The ids of its access keys.
    pub access_keys: BTreeSet<String>,
}

impl Credential {
    /// Why it is not good from this address, with this client's certificate, now.
    pub fn unfit(
        &self,
        peer: Option<IpAddr>,
        certificate: Option<&str>,
        now: SystemTime,
    ) -> Option<&'static str> {
        if self.expires.is_some_and(|expires| now >= expires) {
            return Some("This access key has expired; have another one made.");
        }
        let address = peer.map(|address| address.to_canonical());
        let in_place = self.networks.is_empty()
            || address.is_some_and(|address| {
                self.networks
                    .iter()
                    .any(|network| network.contains(&address))
            });
        if !in_place {
            return Some("This access key may not be used from this network.");
        }
        let is_bound = self.certificate.is_some() && self.certificate.as_deref() != certificate;
        is_bound.then_some("This access key may be used with its client's certificate only.")
    }
}

/// Who acts in a session.
pub fn principal_of(session: &Session) -> Principal {
    let mut principal = Principal::with_roles(
        &session.tenant,
        &session.principal,
        session.roles.iter().map(String::as_str),
    );
    principal.kind = if session.is_human {
        Kind::Human
    } else {
        Kind::Service
    };
    principal.groups = session.groups.iter().cloned().collect();
    describe(&mut principal, &session.attributes);
    principal
}

/// Who acts with a user's access keys.
pub fn principal_with_keys(tenant: &str, name: &str, user: &UserDocument) -> Principal {
    let mut principal = Principal::with_roles(tenant, name, user.roles.iter().map(String::as_str));
    principal.kind = match user.kind {
        UserKind::Human => Kind::Human,
        UserKind::Service => Kind::Service,
    };
    describe(&mut principal, &user.attributes);
    principal
}

impl Directory {
    /// The directory of the tenants declared in a configuration, and of those in the control documents.
    pub fn new(
        tenants: &[TenantConfig],
        control: Control,
        ids: AccessKeyIds,
        clock: Clock,
    ) -> Self {
        let mut declared = HashMap::new();
        let mut principals: BTreeMap<(String, String), DeclaredPrincipal> = BTreeMap::new();
        for tenant in tenants {
            for key in &tenant.credentials {
                let mut principal =
                    Principal::with_roles(&tenant.id, &key.principal, [key.role.name()]);
                principal.kind = match key.kind {
                    IdentityKind::Human => Kind::Human,
                    IdentityKind::Service => Kind::Service,
                };
                let credential = Credential {
                    secret: Arc::new(SecretKey::new(key.secret_access_key.reveal())),
                    principal: Arc::new(principal),
                    networks: key.networks.clone(),
                    certificate: key.certificate.clone(),
                    expires: key.expires,
                };
                declared.insert(key.access_key_id.clone(), Arc::new(credential));
                let name = (tenant.id.clone(), key.principal.clone());
                let known = principals.entry(name).or_default();
                known.roles.insert(key.role.name().to_owned());
                known.access_keys.insert(key.access_key_id.clone());
            }
        }
        let settings = |tenant: &TenantConfig| {
            let settings = TenantSettings {
                limits: tenant.limits,
                identity_providers: tenant.identity_providers.clone(),
            };
            (tenant.id.clone(), Arc::new(settings))
        };
        Self {
            tenants: tenants.iter().map(settings).collect(),
            declared,
            principals,
            buckets: tenants
                .iter()
                .map(|tenant| (tenant.id.clone(), tenant.buckets.clone()))
                .collect(),
            control,
            ids,
            known: Cache::builder()
                .max_capacity(1)
                .time_to_live(OLDEST)
                .build(),
            settings: Cache::new(MOST_SETTINGS),
            inherited: TenantLimits::default(),
            clock,
        }
    }

    /// With what tenants may take that do not say so themselves.
    #[must_use]
    pub fn with_limits(self, inherited: TenantLimits) -> Self {
        Self { inherited, ..self }
    }

    /// Limits and identity providers of a tenant: those of the configuration where it declares the tenant, else those
    /// kept, at most five seconds old. The same text gives the same settings.
    pub async fn settings(&self, tenant: &str) -> Result<Arc<TenantSettings>, ControlError> {
        if let Some(declared) = self.tenants.get(tenant) {
            return Ok(Arc::clone(declared));
        }
        let text = self.tenant(tenant).await?;
        let text = text.map(|tenant| tenant.settings).unwrap_or_default();
        if let Some(known) = self.settings.get(&text) {
            return Ok(known);
        }
        let read = TenantSettings::parse(&text, self.inherited).unwrap_or_else(|problems| {
            let problem = problems
                .first()
                .map(ToString::to_string)
                .unwrap_or_default();
            tracing::error!(
                tenant,
                problem,
                "a tenant's stored settings are not understood"
            );
            TenantSettings {
                limits: self.inherited,
                identity_providers: Vec::new(),
            }
        });
        let read = Arc::new(read);
        self.settings.insert(text, Arc::clone(&read));
        Ok(read)
    }

    /// The tenants of the configuration.
    pub fn declared_tenants(&self) -> impl Iterator<Item = &str> {
        self.tenants.keys().map(String::as_str)
    }

    /// All tenants: those of the configuration, and those in the control documents.
    /// At most five seconds old.
    pub async fn tenants(&self) -> Result<Arc<BTreeSet<String>>, ControlError> {
        if let Some(known) = self.known.get(&()) {
            return Ok(known);
        }
        let mut tenants: BTreeSet<String> = self.tenants.keys().cloned().collect();
        for kept in self.control.list::<TenantDocument>(&[]).await? {
            tenants.extend(kept.name.first().cloned());
        }
        let tenants = Arc::new(tenants);
        self.known.insert((), Arc::clone(&tenants));
        Ok(tenants)
    }

    /// Whether the configuration declares the tenant.
    pub fn declares(&self, tenant: &str) -> bool {
        self.tenants.contains_key(tenant)
    }

    /// A tenant's settings; `None` where there is no such tenant.
    pub async fn tenant(&self, id: &str) -> Result<Option<TenantDocument>, ControlError> {
        let kept = self.control.get::<TenantDocument>(&[id]).await?;
        let declared = self.declares(id).then(TenantDocument::default);
        Ok(kept.map(|kept| kept.value.clone()).or(declared))
    }

    /// A principal that the configuration declares.
    pub fn declared_principal(&self, tenant: &str, name: &str) -> Option<&DeclaredPrincipal> {
        self.principals.get(&(tenant.to_owned(), name.to_owned()))
    }

    /// All principals of a tenant that the configuration declares.
    pub fn declared_principals<'d>(
        &'d self,
        tenant: &'d str,
    ) -> impl Iterator<Item = (&'d str, &'d DeclaredPrincipal)> {
        let of_tenant = self
            .principals
            .iter()
            .filter(move |((of, _), _)| of == tenant);
        of_tenant.map(|((_, name), principal)| (name.as_str(), principal))
    }

    /// An access key that the configuration declares.
    pub fn declared_key(&self, access_key_id: &str) -> Option<&Credential> {
        self.declared.get(access_key_id).map(Arc::as_ref)
    }

    /// A new access key id.
    pub fn new_id(&self) -> Result<String, getrandom::Error> {
        self.ids.random()
    }

    /// The credential of an access key; at most five seconds old.
    pub async fn find(&self, access_key_id: &str) -> Result<Option<Arc<Credential>>, ControlError> {
        if let Some(declared) = self.declared.get(access_key_id) {
            return Ok(Some(Arc::clone(declared)));
        }
        if !self.ids.is_ours(access_key_id) {
            return Ok(None);
        }
        let Some(key) = self
            .control
            .get::<AccessKeyDocument>(&[access_key_id])
            .await?
        else {
            return Ok(None);
        };
        let key = &key.value;
        let name = [key.tenant.as_str(), key.user.as_str()];
        let Some(user) = self.control.get::<UserDocument>(&name).await? else {
            return Ok(None);
        };
        let user = &user.value;
        if !user.access_keys.contains(access_key_id) {
            return Ok(None);
        }
        let principal = principal_with_keys(&key.tenant, &key.user, user);
        // What cannot be read as a network lets nobody in.
        let networks: Result<Vec<IpNet>, _> =
            key.networks.iter().map(|network| network.parse()).collect();
        let Ok(networks) = networks else {
            return Ok(None);
        };
        Ok(Some(Arc::new(Credential {
            secret: Arc::new(SecretKey::new(key.secret.as_str())),
            principal: Arc::new(principal),
            networks,
            certificate: key.certificate.clone(),
            expires: Some(key.expires.into()),
        })))
    }

    /// Whether a principal is let in at all: neither it nor its tenant is disabled. At most five seconds old.
    pub async fn lets_in(&self, principal: &Principal) -> Result<bool, ControlError> {
        let tenant = self.tenant(&principal.tenant).await?;
        if tenant.is_none_or(|tenant| tenant.disabled) {
            return Ok(false);
        }
        let name = [principal.tenant.as_str(), principal.name.as_str()];
        let user = self.control.get::<UserDocument>(&name).await?;
        Ok(user.is_none_or(|user| !user.value.disabled))
    }

    /// Whether the tenant has a user of this name, be it made by an administrator or declared in the configuration.
    pub async fn has_user(&self, tenant: &str, name: &str) -> Result<bool, ControlError> {
        Ok(self.declared_principal(tenant, name).is_some() || self.knows(tenant, name).await?)
    }

    /// Whether an administrator has made this user.
    pub async fn knows(&self, tenant: &str, name: &str) -> Result<bool, ControlError> {
        let user = self.control.get::<UserDocument>(&[tenant, name]).await?;
        Ok(user.is_some())
    }

    /// The emergency that was declared for a principal, if one is on. At most five seconds old.
    pub async fn emergency(
        &self,
        principal: &Principal,
    ) -> Result<Option<policies::BreakGlass>, ControlError> {
        let who = (principal.tenant.as_str(), principal.name.as_str());
        crate::break_glass::declared_for(&self.control, who, self.clock.now()).await
    }
}

/// What is known of a principal, where policies expect it: some attributes have a place of their own, too.
fn describe(principal: &mut Principal, attributes: &BTreeMap<String, String>) {
    for (name, value) in attributes {
        match name.as_str() {
            "clinicId" => principal.clinic_id = Some(value.clone()),
            "hipaaTrainedUntil" => principal.hipaa_trained_until = moment(value),
            _ => {}
        }
        // Where `aws:PrincipalTag` looks.
        principal.tags.insert(name.clone(), value.clone());
    }
}

/// RFC 3339, a day (`2027-01-31`: to its end in UTC), or seconds since 1970.
fn moment(text: &str) -> Option<SystemTime> {
    use time::format_description::well_known::Rfc3339;
    let seconds = text
        .parse::<u64>()
        .ok()
        .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    seconds.or_else(|| {
        let text = if text.len() == 10 {
            format!("{text}T23:59:59Z")
        } else {
            text.to_owned()
        };
        let at = time::OffsetDateTime::parse(&text, &Rfc3339).ok()?;
        Some(at.into())
    })
}

const OLDEST: Duration = Duration::from_secs(5);

const MOST_SETTINGS: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_good_in_its_time_and_in_its_networks_only() {
        let key = |networks: &[&str]| Credential {
            secret: Arc::new(SecretKey::new("a secret")),
            principal: Arc::new(Principal::with_roles("t", "p", ["reader"])),
            networks: networks.iter().map(|one| one.parse().unwrap()).collect(),
            certificate: None,
            expires: Some(SystemTime::UNIX_EPOCH),
        };
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        for (networks, address, good) in [
            (&[][..], "192.0.2.1", true),
            (&["192.0.2.0/24"][..], "192.0.2.1", true),
            (&["192.0.2.0/24"][..], "198.51.100.1", false),
            (&["2001:db8::/32", "192.0.2.1/32"][..], "2001:db8::7", true),
            // An IPv4 address as an IPv6 socket shows it.
            (&["192.0.2.0/24"][..], "::ffff:192.0.2.1", true),
        ] {
            let peer = address.parse().ok();
            let unfit = key(networks).unfit(peer, None, before);
            assert_eq!(unfit.is_none(), good, "{networks:?} {address}");
            assert!(
                key(networks)
                    .unfit(peer, None, SystemTime::UNIX_EPOCH)
                    .is_some()
            );
        }
        assert!(key(&["192.0.2.0/24"]).unfit(None, None, before).is_some());
        let bound = Credential {
            certificate: Some("ab".repeat(32)),
            ..key(&[])
        };
        let shown = "ab".repeat(32);
        assert!(bound.unfit(None, Some(&shown), before).is_none());
        assert!(bound.unfit(None, Some("cd"), before).is_some());
        assert!(bound.unfit(None, None, before).is_some());
    }

    #[test]
    fn what_a_provider_says_stands_where_policies_look_for_it() {
        let mut principal = Principal::with_roles("t", "p", ["reader"]);
        let said = [
            ("clinicId", "c1"),
            ("hipaaTrainedUntil", "2027-01-31"),
            ("department", "x-ray"),
        ];
        let said = said.map(|(name, value)| (name.to_owned(), value.to_owned()));
        describe(&mut principal, &said.into());
        assert_eq!(principal.clinic_id.as_deref(), Some("c1"));
        // date -u -d 2027-01-31T23:59:59Z +%s
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(1_801_439_999);
        assert_eq!(principal.hipaa_trained_until, Some(until));
        // `aws:PrincipalTag` looks among the tags for all of it.
        assert_eq!(principal.tags.len(), 3);
        assert_eq!(principal.tags["clinicId"], "c1");
    }
}
