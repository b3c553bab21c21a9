//! What a decision looks up: the policy of a bucket, at most five seconds old, and the facts of a stored object
//! that only the store can tell, which is asked when, and only when, a policy asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method};
use moka::future::Cache;
use policies::{
    Compiled, Context, Needs, PolicySet, Principal, Resource, Source, compile_bucket_policy,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::buckets::{Buckets, Setting};
use crate::compiled_policies::{CompiledPolicies, apart};
use crate::directory::{BucketDocument, Directory};
use crate::error::GatewayError;
use crate::s3::xml::Element;
use crate::s3::{BucketName, Code, tags};
use crate::upstream::{StoreRequest, Upstream};

/// Where decisions look things up.
#[derive(Clone)]
pub struct Lookups {
    buckets: Buckets,
    directory: Arc<Directory>,
    upstream: Upstream,
    recent: Cache<(String, String), Option<Arc<PolicySet>>>,
    /// By bucket and text.
    compiled: CompiledPolicies<(Uuid, String)>,
}

impl std::fmt::Debug for Lookups {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Lookups")
    }
}

impl Lookups {
    /// Looks among these buckets and in this store.
    pub fn new(buckets: Buckets, directory: Arc<Directory>, upstream: Upstream) -> Self {
        let recent = Cache::builder()
            .max_capacity(MOST_RECENT)
            .time_to_live(OLDEST)
            .build();
        Self {
            buckets,
            directory,
            upstream,
            recent,
            compiled: CompiledPolicies::default(),
        }
    }

    /// The same principal with the roles that its roles include.
    pub(super) async fn with_included(
        &self,
        principal: Arc<Principal>,
    ) -> Result<Arc<Principal>, GatewayError> {
        let (tenant, roles) = (&principal.tenant, &principal.roles);
        let all = self.directory.with_included(tenant, roles).await?;
        if all == principal.roles {
            return Ok(principal);
        }
        let principal = Principal::clone(&principal);
        Ok(Arc::new(Principal {
            roles: all,
            ..principal
        }))
    }

    /// What is declared of a bucket.
    pub(super) async fn declared(
        &self,
        tenant: &str,
        bucket: &str,
    ) -> Result<Arc<BucketDocument>, GatewayError> {
        Ok(self.directory.bucket(tenant, bucket).await?)
    }

    /// The names of the buckets that there are, and of those that something is declared of.
    pub(super) async fn bucket_names(
        &self,
        tenant: &str,
    ) -> Result<BTreeSet<String>, GatewayError> {
        let declared = self.directory.declared_buckets(tenant).await?;
        let there = self.buckets.list(tenant).await?;
        let there = there.into_iter().map(|bucket| bucket.name);
        Ok(declared.into_keys().chain(there).collect())
    }

    /// The policy of a bucket, if it has one.
    pub(super) async fn bucket_policy(
        &self,
        tenant: &str,
        bucket: &str,
    ) -> Result<Option<Arc<PolicySet>>, GatewayError> {
        let key = (tenant.to_owned(), bucket.to_owned());
        if let Some(found) = self.recent.get(&key).await {
            return Ok(found);
        }
        let found = self.read_policy(tenant, bucket).await?;
        self.recent.insert(key, found.clone()).await;
        Ok(found)
    }

    /// Forgets what is remembered of a bucket whose policy has changed.
    pub(super) async fn forget(&self, tenant: &str, bucket: &str) {
        let key = (tenant.to_owned(), bucket.to_owned());
        self.recent.invalidate(&key).await;
    }

    async fn read_policy(
        &self,
        tenant: &str,
        bucket: &str,
    ) -> Result<Option<Arc<PolicySet>>, GatewayError> {
        let Ok(name) = BucketName::parse(bucket) else {
            return Ok(None);
        };
        let Some(bucket) = self.buckets.find(tenant, &name).await? else {
            return Ok(None);
        };
        let Setting::Document(text) = self.buckets.setting(&bucket, BUCKET_POLICY).await? else {
            return Ok(None);
        };
        let key = (bucket.id, text);
        if let Some(known) = self.compiled.get(&key) {
            return Ok(Some(known));
        }
        let (text, tenant, name) = (key.1.clone(), tenant.to_owned(), bucket.name.clone());
        let read = apart(move || compile_bucket_policy(text.as_bytes(), &tenant, &name)).await?;
        let compiled = read.unwrap_or_else(|malformed| {
            tracing::error!(bucket = %bucket.id, %malformed, "a stored bucket policy is not understood, so everything on its bucket is denied");
            not_understood()
        });
        Ok(Some(self.compiled.remember(key, compiled)))
    }

    /// Fills in what the policies need to know of the stored object.
    pub(super) async fn facts(
        &self,
        needs: Needs,
        resource: &mut Resource,
        version: Option<&str>,
        context: &mut Context,
    ) -> Result<(), GatewayError> {
        let (Some(name), Some(key)) = (resource.bucket.as_deref(), resource.key.as_deref()) else {
            return Ok(());
        };
        let Ok(name) = BucketName::parse(name) else {
            return Ok(());
        };
        let Some(bucket) = self.buckets.find(&resource.tenant, &name).await? else {
            return Ok(());
        };
        let ask = |method| {
            StoreRequest::object(method, &bucket.upstream, key).with_query_if("versionId", version)
        };
        if needs.lock || needs.overwrites {
            let found = match self.upstream.send(ask(Method::HEAD)).await {
                Ok(found) => Some(found.headers),
                Err(error) if error.is_missing() => None,
                Err(error) => return Err(error.into()),
            };
            context.overwrites = Some(found.is_some());
            let (hold, until) = found.as_ref().map_or((false, None), lock_of);
            resource.legal_hold = Some(hold);
            resource.retain_until = until;
        }
        if needs.tags {
            let request = ask(Method::GET).with_query("tagging", "");
            resource.tags = match self.upstream.document(request, LONGEST_TAGS).await {
                Ok((_, tagging)) => tags_of(&tagging),
                Err(error) if error.is_missing() || error.code() == Some(Code::NoSuchTagSet) => {
                    BTreeMap::new()
                }
                Err(error) => return Err(error.into()),
            };
        }
        Ok(())
    }
}

/// Legal hold and retention, as the store's headers tell them.
fn lock_of(headers: &HeaderMap) -> (bool, Option<SystemTime>) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let hold = text("x-amz-object-lock-legal-hold").is_some_and(|state| state == "ON");
    let until = text("x-amz-object-lock-retain-until-date")
        .and_then(|until| OffsetDateTime::parse(until, &Rfc3339).ok())
        .map(SystemTime::from);
    (hold, until)
}

/// The tags of a `Tagging` document.
fn tags_of(tagging: &Element) -> BTreeMap<String, String> {
    tags::of_document(tagging).into_iter().collect()
}

/// What stands for a policy that cannot be read.
fn not_understood() -> Compiled {
    let cedar = "@id(\"not-understood\") forbid (principal, action, resource);";
    Compiled {
        set: PolicySet::load(&[Source::new(BUCKET_POLICY, cedar)]).unwrap_or_default(),
        cedar: cedar.to_owned(),
        is_public: false,
    }
}

/// The setting of a bucket that is its policy.
pub(crate) const BUCKET_POLICY: &str = "bucket-policy";

/// The bound within which every replica follows a change.
const OLDEST: Duration = Duration::from_secs(5);
const MOST_RECENT: u64 = 10_000;
const LONGEST_TAGS: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_forbids() {
        assert_eq!(not_understood().set.len(), 1);
    }

    #[test]
    fn a_lock_is_read_from_the_stores_headers() {
        let mut headers = HeaderMap::new();
        assert_eq!(lock_of(&headers), (false, None));
        headers.insert("x-amz-object-lock-legal-hold", "ON".parse().unwrap());
        headers.insert(
            "x-amz-object-lock-retain-until-date",
            "1970-01-01T00:00:05.000Z".parse().unwrap(),
        );
        let five = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        assert_eq!(lock_of(&headers), (true, Some(five)));
    }
}
