//! What principals may do by the policies that decide about their tenant, for those who review access. It must not know
//! requests, nor how people are named and listed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use policies::reach::{Grant, Place, Reach, Whom};
use policies::{Action, Group, PolicySet, Principal, Resource, Target};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::leave::{is_about_policy, named};
use super::{OfTenant, Policies};
use crate::error::GatewayError;

/// Whose access is asked for.
#[derive(Debug, Clone)]
pub struct Person {
    /// The roles it may act in at once, with what is known of it then.
    guises: Vec<Principal>,
    is_known: bool,
}

/// What somebody may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Allowance {
    /// Buckets by name, `any other bucket` or `the tenant`.
    pub on: BTreeSet<String>,
    /// `always`, `if` or `emergency`.
    pub when: &'static str,
    /// Actions as IAM names them, or groups of them as policies do, where it is the whole group.
    pub actions: BTreeSet<&'static str>,
    /// The policies that permit it, or may.
    pub policies: BTreeSet<String>,
    /// Those that may forbid it.
    pub unless: BTreeSet<String>,
}

/// What people may do.
#[derive(Debug)]
pub struct Allowances {
    /// Of each who was asked for, in that order; `None` where that would have taken too long.
    pub of: Vec<Option<Vec<Allowance>>>,
    /// SHA-256 over the text of all policies that decide, in hexadecimal.
    pub policies_sha256: String,
}

impl Person {
    /// Somebody with keys, who acts with them in all roles, or by `AssumeRole` in one of them. What is known of the
    /// principal is not in the sessions that it makes.
    pub fn with_keys(principal: Principal) -> Self {
        let bare = |roles: BTreeSet<String>| Principal {
            kind: principal.kind,
            ..Principal::with_roles(&principal.tenant, &principal.name, roles)
        };
        let singly = principal.roles.iter().map(|role| [role.clone()].into());
        let roles = std::iter::once(principal.roles.clone()).chain(singly);
        let mut guises: Vec<Principal> = roles.map(bare).collect();
        guises.push(principal);
        guises.dedup();
        Self {
            guises,
            is_known: true,
        }
    }

    /// Somebody with keys each of which acts as one of these.
    pub fn acting_as(guises: Vec<Principal>) -> Self {
        Self {
            guises,
            is_known: true,
        }
    }

    /// Whoever an identity provider says has the roles of this one.
    pub fn vouched_for(principal: Principal) -> Self {
        Self {
            guises: vec![principal],
            is_known: false,
        }
    }
}

impl Person {
    /// All of it but the name, as a text.
    fn nameless(&self) -> String {
        let nameless = self.guises.iter().map(|guise| Principal {
            name: String::new(),
            ..guise.clone()
        });
        format!("{} {:?}", self.is_known, nameless.collect::<Vec<_>>())
    }
}

/// Whether policies may ask for somebody by name: none does in whose text there is neither a principal nor that word, nor
/// an escape that could be either.
fn names_somebody(text: &str) -> bool {
    ["Principal", "name", "\\"]
        .iter()
        .any(|word| text.contains(word))
}

/// A bucket, and what decides about it.
struct Bucket {
    resource: Resource,
    policy: Option<Arc<PolicySet>>,
}

impl Policies {
    /// What these people of a tenant may do with the data of its buckets.
    pub async fn allowances(
        &self,
        tenant: &str,
        mut people: Vec<Person>,
    ) -> Result<Allowances, GatewayError> {
        for person in &mut people {
            let mut guises = Vec::new();
            for guise in std::mem::take(&mut person.guises) {
                match self.0.lookups.with_included(Arc::new(guise)).await {
                    Ok(with) => guises.push(Arc::unwrap_or_clone(with)),
                    // Whose roles include too many others is refused whatever is asked.
                    Err(GatewayError::Request(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            person.guises = guises;
        }
        let declared = self.0.of_tenant(tenant).await?;
        let buckets = self.buckets(tenant, &declared).await?;
        let (tenant, region) = (tenant.to_owned(), self.0.upstream_region.clone());
        let turn = ONE.acquire().await;
        let weighed = tokio::task::spawn_blocking(move || {
            let weighing = Weighing::of((&tenant, &region), &declared, &buckets);
            let found = weighing.all(&people);
            drop(turn);
            found
        });
        let failed = GatewayError::Unexpected("the policies could not be weighed");
        weighed.await.map_err(|_| failed)
    }

    /// The buckets that there are, and those that something is declared of.
    async fn buckets(&self, tenant: &str, of: &OfTenant) -> Result<Vec<Bucket>, GatewayError> {
        let lookups = &self.0.lookups;
        let mut names = lookups.bucket_names(tenant).await?;
        names.extend(of.classes.keys().cloned());
        let somebody = Principal::with_roles(tenant, "", [""; 0]);
        let read = |name: String| {
            let resource = named(&somebody, Some(&name), None);
            async move {
                let policy = lookups.bucket_policy(tenant, &name).await?;
                let resource = self.described(of, resource).await?;
                Ok::<_, GatewayError>(Bucket { resource, policy })
            }
        };
        let read = stream::iter(names).map(read).buffered(READ_AT_ONCE);
        read.try_collect().await
    }
}

/// Policies, taken apart, and where they decide.
struct Weighing<'a> {
    of_tenant: Reach,
    places: Vec<Decided<'a>>,
    policies_sha256: String,
}

/// What policies decide about.
struct Decided<'a> {
    /// How it is called.
    name: String,
    place: Place<'a>,
    /// The policies of the bucket.
    own: Reach,
    /// Whether a policy may ask for somebody by name.
    by_name: bool,
}

/// What is permitted somewhere, that with the same policies together.
type Alike = BTreeMap<Grant, BTreeSet<Action>>;

impl<'a> Weighing<'a> {
    fn of(
        (tenant, region): (&'a str, &'a str),
        declared: &OfTenant,
        buckets: &'a [Bucket],
    ) -> Self {
        static NOWHERE: BTreeSet<String> = BTreeSet::new();
        let text = declared.policies.text();
        let by_name = names_somebody(&text);
        let mut digest = Sha256::new();
        digest.update(text);
        let elsewhere = |name: &str| Decided {
            name: name.to_owned(),
            place: Place {
                tenant,
                bucket: None,
                class: None,
                residency: &NOWHERE,
                upstream_region: region,
            },
            own: Reach::default(),
            by_name,
        };
        let mut places = Vec::new();
        for Bucket { resource, policy } in buckets {
            let bucket = resource.bucket.as_deref().unwrap_or_default();
            let mut decided = elsewhere(bucket);
            decided.place.bucket = Some(bucket);
            decided.place.class = resource.class.as_deref();
            decided.place.residency = &resource.residency;
            if let Some(policy) = policy {
                let text = policy.text();
                decided.own = Reach::of(policy);
                decided.by_name |= names_somebody(&text);
                digest.update(format!("\0{bucket}\0{text}"));
            }
            places.push(decided);
        }
        places.extend([elsewhere(OTHERS), elsewhere(TENANT)]);
        Self {
            of_tenant: Reach::of(&declared.policies),
            places,
            policies_sha256: hex::encode(digest.finalize()),
        }
    }

    /// In the order of the people, so that the same is left out each time.
    fn all(&self, people: &[Person]) -> Allowances {
        let (mut left, mut known) = (MOST_WEIGHED, HashMap::new());
        let of = people
            .iter()
            .map(|person| self.allowances_of(person, &mut known, &mut left));
        Allowances {
            of: of.collect(),
            policies_sha256: self.policies_sha256.clone(),
        }
    }

    /// What is permitted alike stands together. Those whom no policy tells apart are weighed once.
    fn allowances_of(
        &self,
        person: &Person,
        known: &mut HashMap<(usize, String), Arc<Alike>>,
        left: &mut usize,
    ) -> Option<Vec<Allowance>> {
        let mut found: BTreeMap<(Grant, BTreeSet<&'static str>), BTreeSet<String>> =
            BTreeMap::new();
        let nameless = person.nameless();
        for (index, decided) in self.places.iter().enumerate() {
            let key = (index, nameless.clone());
            let before = known.get(&key).filter(|_| !decided.by_name).cloned();
            let alike = if let Some(alike) = before {
                alike
            } else {
                let rules = self.of_tenant.len().saturating_add(decided.own.len());
                let cost = rules.saturating_mul(person.guises.len());
                *left = left.checked_sub(cost.saturating_mul(Action::ALL.len()))?;
                let alike = Arc::new(self.alike(person, decided));
                if !decided.by_name {
                    known.insert(key, Arc::clone(&alike));
                }
                alike
            };
            for (grant, actions) in alike.iter() {
                let actions = grouped(actions, decided.name == TENANT);
                let on = found.entry((grant.clone(), actions)).or_default();
                on.insert(decided.name.clone());
            }
        }
        let allowance = |((grant, actions), on): ((Grant, _), _)| Allowance {
            on,
            when: grant.when.name(),
            actions,
            policies: grant.permits,
            unless: grant.unless,
        };
        Some(found.into_iter().map(allowance).collect())
    }

    fn alike(&self, person: &Person, decided: &Decided<'_>) -> Alike {
        let mut alike = Alike::new();
        for action in asked(decided.name == TENANT) {
            let grants = person.guises.iter().filter_map(|principal| {
                let is_known = person.is_known;
                let whom = Whom {
                    principal,
                    is_known,
                };
                self.grant(whom, action, decided.place, &decided.own)
            });
            if let Some(grant) = grants.reduce(either) {
                alike.entry(grant).or_default().insert(action);
            }
        }
        alike
    }

    /// As [`super::Leave`] decides.
    fn grant(
        &self,
        whom: Whom<'_>,
        action: Action,
        place: Place<'_>,
        own: &Reach,
    ) -> Option<Grant> {
        let alone = || Reach::grant(&[&self.of_tenant], whom, action, place);
        if action == Action::CreateBucket || own.is_empty() {
            return alone();
        }
        let both = Reach::grant(&[&self.of_tenant, own], whom, action, place);
        if is_about_policy(action) {
            return alone().into_iter().chain(both).reduce(either);
        }
        both
    }
}

/// What is asked about a bucket, or about the tenant: what is done to data. The settings of the shared store are nobody's.
fn asked(is_tenant: bool) -> impl Iterator<Item = Action> {
    let of_data = |action: &Action| action.name().starts_with("s3:");
    let all = Action::ALL.iter().copied().filter(of_data);
    all.filter(move |action| (action.target() == Target::Tenant) == is_tenant)
}

/// What goes further; where both go as far, both.
fn either(one: Grant, other: Grant) -> Grant {
    if one.when != other.when {
        return one.max(other);
    }
    Grant {
        when: one.when,
        permits: one.permits.into_iter().chain(other.permits).collect(),
        unless: one.unless.into_iter().chain(other.unless).collect(),
    }
}

/// Whole groups by their name, the rest by theirs.
fn grouped(actions: &BTreeSet<Action>, is_tenant: bool) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    for group in Group::ALL {
        let of_group = |action: &Action| action.group() == *group;
        let here: Vec<Action> = actions.iter().copied().filter(of_group).collect();
        if !here.is_empty()
            && here.len() > 1
            && here.len() == asked(is_tenant).filter(of_group).count()
        {
            names.insert(group.name());
        } else {
            names.extend(here.iter().map(|action| action.name()));
        }
    }
    names
}

/// Any bucket that no policy names and of which nothing is declared. No bucket can be called so.
const OTHERS: &str = "any other bucket";
/// The tenant as a whole.
const TENANT: &str = "the tenant";

/// Reviews are weighed one at a time.
static ONE: Semaphore = Semaphore::const_new(1);

const READ_AT_ONCE: usize = 16;
/// So many times a policy is held against an action, a few seconds' worth.
const MOST_WEIGHED: usize = 50_000_000;

#[cfg(test)]
mod tests {
    use policies::Source;

    use super::*;

    fn of(text: &str, policy: Option<&str>, person: &Person) -> Vec<Allowance> {
        let set = PolicySet::with_shipped(true, &[Source::new("t.cedar", text)]).unwrap();
        let declared = OfTenant {
            policies: Arc::new(set),
            classes: BTreeMap::new(),
        };
        let bucket = |name: &str, policy| Bucket {
            resource: named(&person.guises[0], Some(name), None),
            policy,
        };
        let compiled = policy.map(|policy| {
            let compiled = policies::compile_bucket_policy(policy.as_bytes(), "t", "docs");
            Arc::new(compiled.unwrap().set)
        });
        let buckets = [bucket("docs", compiled), bucket("records", None)];
        let weighing = Weighing::of(("t", "us-1"), &declared, &buckets);
        weighing
            .all(std::slice::from_ref(person))
            .of
            .remove(0)
            .unwrap()
    }

    fn words(found: &[Allowance]) -> Vec<String> {
        let join = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join("+");
        let line = |one: &Allowance| {
            let actions = one.actions.iter().copied().collect::<Vec<_>>().join("+");
            format!(
                "{} {actions} on {} by {} unless {}",
                one.when,
                join(&one.on),
                join(&one.policies),
                join(&one.unless)
            )
        };
        found.iter().map(line).collect()
    }

    #[test]
    fn what_is_alike_stands_together() {
        let reader = Person::with_keys(Principal::with_roles("t", "ana", ["reader"]));
        let found = words(&of("", None, &reader));
        assert_eq!(
            found,
            [
                "always list+read on any other bucket+docs+records by reader unless ",
                "always s3:ListAllMyBuckets on the tenant by reader unless ",
            ]
        );
        let nobody = Person::with_keys(Principal::with_roles("t", "eva", ["clinician"]));
        assert!(of("", None, &nobody).is_empty());
    }

    #[test]
    fn a_buckets_policy_gives_and_takes_there_only() {
        let reader = Person::with_keys(Principal::with_roles("t", "ana", ["reader"]));
        let policy = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::docs/*"},
            {"Effect":"Deny","Principal":"*","Action":"s3:GetBucketPolicy","Resource":"arn:aws:s3:::docs"}]}"#;
        let found = words(&of("", Some(policy), &reader));
        let write: Vec<&String> = found
            .iter()
            .filter(|line| line.contains("s3:PutObject "))
            .collect();
        assert_eq!(write.len(), 1, "{found:?}");
        assert!(
            write[0].starts_with("always s3:PutObject on docs by "),
            "{write:?}"
        );
        // Who may read a bucket's policy is not locked out by it.
        let list = found.iter().find(|line| line.starts_with("always list"));
        assert!(
            list.is_some_and(|line| line.contains("any other bucket+docs+records")),
            "{found:?}"
        );
    }

    #[test]
    fn a_role_that_forbids_is_left_at_home() {
        let both = Principal::with_roles("t", "bob", ["operator", "reader"]);
        let found = words(&of("", None, &Person::with_keys(both.clone())));
        assert!(
            found
                .iter()
                .any(|line| line.starts_with("always list+read on ")),
            "{found:?}"
        );
        let at_once = Person::acting_as(vec![both]);
        assert!(of("", None, &at_once).is_empty());
    }

    #[test]
    fn conditions_and_emergencies_are_told() {
        let text = "@id(\"glass\") permit (principal in Role::\"clinician\", action == Action::\"s3:GetObject\", resource in Bucket::\"records\") when { context has breakGlass };
            @id(\"networks\") forbid (principal, action, resource) unless { context has srcIp };";
        let somebody = Person::vouched_for(Principal::with_roles("t", "", ["clinician"]));
        assert_eq!(
            words(&of(text, None, &somebody)),
            ["emergency s3:GetObject on records by t/glass unless t/networks"]
        );
    }

    #[test]
    fn whom_no_policy_tells_apart_is_weighed_once_and_others_are_not() {
        let people = ["ana", "bob"]
            .map(|name| Person::with_keys(Principal::with_roles("t", name, ["reader"])));
        let weighed = |text: &str| {
            let set = PolicySet::with_shipped(true, &[Source::new("t.cedar", text)]).unwrap();
            let declared = OfTenant {
                policies: Arc::new(set),
                classes: BTreeMap::new(),
            };
            let weighing = Weighing::of(("t", "us-1"), &declared, &[]);
            let (mut left, mut known) = (MOST_WEIGHED, HashMap::new());
            let mut spent = Vec::new();
            let mut writes = Vec::new();
            for person in &people {
                let before = left;
                let found = weighing
                    .allowances_of(person, &mut known, &mut left)
                    .unwrap();
                spent.push(before - left);
                writes.push(found.iter().any(|one| one.actions.contains("write")));
            }
            (spent[1] == 0, writes)
        };
        assert_eq!(weighed(""), (true, vec![false, false]));
        for names in [
            "permit (principal == Principal::\"bob\", action in Action::\"write\", resource);",
            "permit (principal, action in Action::\"write\", resource) when { principal.name == \"bob\" };",
        ] {
            assert_eq!(weighed(names), (false, vec![false, true]), "{names}");
        }
    }
}
