//! Buckets themselves: made and deleted in the store and in the gateway's documents, in an order that
//! leaves nothing half done that a retry does not mend.

use http::{Method, Response, StatusCode};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::store_headers::set;
use super::{Answered, Call, Operations, document, empty};
use crate::body::{Answer, Upload};
use crate::buckets::{Bucket, BucketError};
use crate::error::GatewayError;
use crate::s3::xml::{Element, Writer};
use crate::s3::{BucketName, Code};
use crate::upstream::StoreRequest;

impl Operations {
    pub(super) async fn list_buckets(&self, call: &Call) -> Answered {
        let tenant = call.leave.tenant();
        let query = &call.request.query;
        let prefix = query.get("prefix").unwrap_or_default();
        // The token is the last name of the page before, so that pages hold whatever happens between them.
        let after = query.filled("continuation-token").unwrap_or_default();
        let most = query.number("max-buckets")?.unwrap_or(LARGEST_PAGE);
        let here = query.filled("bucket-region");
        let listed: Vec<Bucket> = self
            .buckets
            .list(tenant)
            .await?
            .into_iter()
            .filter(|bucket| bucket.name.starts_with(prefix) && bucket.name.as_str() > after)
            .filter(|_| here.is_none_or(|region| region == &*self.region))
            .collect();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let page = listed.get(..most).unwrap_or(&listed);
        let mut writer = Writer::new("ListAllMyBucketsResult");
        writer.within("Owner", |owner| {
            owner.text("ID", tenant).text("DisplayName", tenant);
        });
        writer.within("Buckets", |list| {
            for bucket in page {
                list.within("Bucket", |element| {
                    element
                        .text("Name", &bucket.name)
                        .text("CreationDate", &bucket.created)
                        .text("BucketRegion", &self.region);
                });
            }
        });
        writer.maybe("Prefix", query.filled("prefix"));
        let next = page.last().filter(|_| page.len() < listed.len());
        writer.maybe("ContinuationToken", next.map(|last| &last.name));
        Ok(document(writer.finish()))
    }

    /// The upstream bucket first: if the gateway stops in between, a retry finds it and goes on.
    pub(super) async fn create_bucket(&self, call: &Call, incoming: Upload) -> Answered {
        let name = call.request.bucket()?.clone();
        let tenant = call.leave.tenant();
        self.check_location(&call.optional_document(incoming).await?)?;
        if let Some(bucket) = self.buckets.find_now(tenant, &name).await? {
            // So S3: in its first region making one's own bucket again changes nothing and is no error.
            if &*self.region == "us-east-1" {
                return Ok(created_at(&name));
            }
            return Err(Code::BucketAlreadyOwnedByYou
                .because("The bucket exists already and is yours.")
                .with("BucketName", bucket.name.as_str())
                .into());
        }
        self.keys.provision(tenant).await?;
        let upstream = self.buckets.upstream_name(tenant, &name);
        let mut request = StoreRequest::bucket(Method::PUT, &upstream);
        if let Some(lock) = call.request.text("x-amz-bucket-object-lock-enabled")? {
            set(
                &mut request.headers,
                "x-amz-bucket-object-lock-enabled",
                lock,
            );
        }
        match self.upstream.send(request).await {
            Err(error) if error.code() == Some(Code::BucketAlreadyOwnedByYou) => {}
            other => drop(other?),
        }
        let created = OffsetDateTime::from(self.clock.now())
            .replace_nanosecond(0)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let bucket = Bucket {
            id: self.buckets.id_for(tenant, &name, self.clock.now()).await?,
            tenant: tenant.to_owned(),
            name: name.as_str().to_owned(),
            upstream,
            created: created.format(&Rfc3339).unwrap_or_default(),
        };
        self.keep_ownership(call, &bucket).await?;
        match self.buckets.register(&bucket).await {
            Err(BucketError::Exists) => Err(GatewayError::Bucket(BucketError::Exists)),
            other => {
                other?;
                Ok(created_at(&name))
            }
        }
    }

    /// The upstream bucket first, because only the store knows whether it is empty.
    pub(super) async fn delete_bucket(&self, call: &Call) -> Answered {
        let bucket = self.bucket(call).await?;
        match self
            .upstream
            .send(StoreRequest::bucket(Method::DELETE, &bucket.upstream))
            .await
        {
            Err(error) if error.code() == Some(Code::NoSuchBucket) => {}
            other => drop(other?),
        }
        self.buckets.retire(&bucket, self.clock.now()).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    pub(super) async fn head_bucket(&self, call: &Call) -> Answered {
        self.bucket(call).await?;
        let mut response = empty(StatusCode::OK);
        set(response.headers_mut(), "x-amz-bucket-region", &self.region);
        Ok(response)
    }

    pub(super) async fn get_bucket_location(&self, call: &Call) -> Answered {
        self.bucket(call).await?;
        // S3 says us-east-1 by saying nothing.
        let region = if &*self.region == "us-east-1" {
            ""
        } else {
            &self.region
        };
        Ok(document(Writer::value("LocationConstraint", region)))
    }

    pub(super) async fn get_bucket_encryption(&self, call: &Call) -> Answered {
        self.bucket(call).await?;
        let mut writer = Writer::new("ServerSideEncryptionConfiguration");
        writer.within("Rule", |rule| {
            rule.within("ApplyServerSideEncryptionByDefault", |default| {
                default.text("SSEAlgorithm", "aws:kms");
            });
            rule.text("BucketKeyEnabled", "false");
        });
        let mut response: Response<Answer> = document(writer.finish());
        set(response.headers_mut(), "x-amz-bucket-region", &self.region);
        Ok(response)
    }

    fn check_location(&self, document: &[u8]) -> Result<(), GatewayError> {
        if document.is_empty() {
            return Ok(());
        }
        let root = Element::parse(document)?;
        if root.name != "CreateBucketConfiguration" {
            return Err(Code::MalformedXml
                .because("A CreateBucketConfiguration document is needed here.")
                .into());
        }
        match root.child_text("LocationConstraint").map(str::trim) {
            None | Some("") => Ok(()),
            Some(region) if region == &*self.region => Ok(()),
            Some(region) => Err(Code::InvalidLocationConstraint
                .because(format!("Buckets are made in {} here.", self.region))
                .with("LocationConstraint", region)
                .into()),
        }
    }
}

impl Call {
    /// The document in the body, empty when there is no body.
    pub(super) async fn optional_document(
        &self,
        incoming: Upload,
    ) -> Result<Vec<u8>, GatewayError> {
        if self.request.header("content-length").is_none()
            && self.request.header("transfer-encoding").is_none()
        {
            return Ok(Vec::new());
        }
        self.document(incoming, LONGEST_CONFIGURATION).await
    }
}

const LONGEST_CONFIGURATION: usize = 64 * 1024;

/// What an operator would page through at once.
const LARGEST_PAGE: u32 = 10_000;

fn created_at(name: &BucketName) -> Response<Answer> {
    let mut response = empty(StatusCode::OK);
    set(response.headers_mut(), "location", &format!("/{name}"));
    response
}
