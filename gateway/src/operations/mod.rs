//! What each operation does with the store, once it is permitted and on record.
//!
//! One file per family. They speak S3 to both sides, ask `keys` for keys and `body` for sealing and
//! opening, and leave signatures, policy and the trail to others.

mod access_lists;
mod attestation;
mod attributes;
mod bucket_policy;
mod buckets;
mod checksums;
mod copy;
mod cors;
mod delete;
mod folders;
mod get;
mod layouts;
mod list;
mod look;
mod multipart;
mod pass;
mod post;
mod put;
mod read;
mod reconcile;
mod rewrap;
mod settings;
mod store_headers;
mod unset;

use std::sync::Arc;

use http::uri::Authority;
use http::{Method, Response, StatusCode};
use sealed_object::{ObjectId, Random};

use crate::accommodations::Accommodations;
use crate::authorize::Leave;
use crate::body::{Answer, ClientBody, Upload};
use crate::buckets::{Bucket, Buckets};
use crate::clock::Clock;
use crate::connection::Connection;
use crate::cors::Cors;
use crate::error::GatewayError;
use crate::keys::Keys;
use crate::limits::Limits;
use crate::s3::{BucketName, Class, Code, Operation, S3Error, S3Request};
use crate::sigv4::{Payload, encode_path};
use crate::trail::{AuditKeys, Recorded};
use crate::upstream::{Capabilities, StoreRequest, Upstream};

/// An answer to a client.
pub type Answered = Result<Response<Answer>, GatewayError>;

/// All operations, and what they work with.
#[derive(Clone)]
pub struct Operations {
    /// The store.
    pub upstream: Upstream,
    /// What the store was found to do.
    pub store: Capabilities,
    /// Logical buckets.
    pub buckets: Buckets,
    /// Tenants' keys.
    pub keys: Keys,
    /// Tenants' audit keys, which open receipts.
    pub audit_keys: AuditKeys,
    /// Layouts of objects read lately.
    pub layouts: Layouts,
    /// How large tenants' objects may be.
    pub limits: Arc<Limits>,
    /// Uploads of the gateway's own whose clients left.
    pub left_behind: Arc<LeftBehind>,
    /// What is done for single clients' sake.
    pub accommodations: Accommodations,
    /// The upstream bucket for control documents, staged parts and receipts.
    pub system_bucket: Arc<str>,
    /// The region the gateway says it is in.
    pub region: Arc<str>,
    /// What pages of other origins may do.
    pub cors: Cors,
    /// Where nonces and salts come from.
    pub random: Arc<dyn Random>,
    /// The time.
    pub clock: Clock,
}

pub use layouts::Layouts;
pub(crate) use look::{Head, Look, Versioning};
pub use multipart::LeftBehind;
pub(crate) use rewrap::{CopiesKeepEtags, Rewrapped};
pub(crate) use store_headers::pass_store_facts;

impl std::fmt::Debug for Operations {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Operations")
            .field("upstream", &self.upstream)
            .finish_non_exhaustive()
    }
}

/// A request on its way through an operation, with the leave it runs under.
#[derive(Debug)]
pub struct Call {
    /// What is asked.
    pub request: S3Request,
    /// Whose leave.
    pub leave: Leave,
    payload: Payload,
    /// The id that its intent names for the object that it writes.
    object_id: Option<ObjectId>,
    clock: Clock,
}

/// An object's place: its bucket and its key.
#[derive(Debug, Clone)]
pub struct Place {
    /// The logical bucket.
    pub bucket: Arc<Bucket>,
    /// The key.
    pub key: String,
}

impl Call {
    /// The upload, ready to be read and verified.
    fn body(&self, incoming: Upload) -> Result<ClientBody, GatewayError> {
        ClientBody::new(incoming, &self.request, &self.payload, self.clock.clone())
    }

    /// The same for a document whose checksum headers speak of an object.
    async fn document_about_object(
        &self,
        incoming: Upload,
        limit: usize,
    ) -> Result<Vec<u8>, GatewayError> {
        let body =
            ClientBody::about_object(incoming, &self.request, &self.payload, self.clock.clone())?;
        body.document(limit).await
    }

    /// The id of the object that it writes.
    fn new_object_id(&self, random: &dyn Random) -> Result<ObjectId, GatewayError> {
        match self.object_id {
            Some(id) => Ok(id),
            None => Ok(ObjectId::draw(random)?),
        }
    }

    /// The whole of a short document in the body.
    async fn document(&self, incoming: Upload, limit: usize) -> Result<Vec<u8>, GatewayError> {
        self.body(incoming)?.document(limit).await
    }
}

impl Operations {
    /// Carries out a recorded request. Uses its leave up.
    pub async fn run(&self, recorded: Recorded<S3Request>, body: Upload) -> Answered {
        use Operation as Op;
        let (request, leave, payload, object_id) = recorded.into_parts();
        self.store.check(&request)?;
        check_owner(&request, leave.tenant())?;
        let call = Call {
            request,
            leave,
            payload,
            object_id,
            clock: self.clock.clone(),
        };
        self.refuse_grants(&call).await?;
        match call.request.operation {
            Op::PutObject => Box::pin(self.put_object(call, body)).await,
            Op::PostObject => Box::pin(self.post_object(call, body)).await,
            Op::GetObject => self.get_object(&call).await,
            Op::HeadObject => self.head_object(&call).await,
            Op::GetObjectAttestation => {
                Box::pin(self.get_attestation(&call, &self.audit_keys)).await
            }
            Op::GetObjectAttributes => self.get_object_attributes(&call).await,
            Op::DeleteObject => self.delete_object(&call).await,
            Op::DeleteObjects => self.delete_objects(&call, body).await,
            Op::CopyObject => self.copy_object(&call).await,
            Op::ListObjects | Op::ListObjectsV2 | Op::ListObjectVersions => {
                self.list_objects(&call).await
            }
            Op::CreateMultipartUpload => self.create_upload(&call).await,
            Op::UploadPart => self.upload_part(call, body).await,
            Op::UploadPartCopy => self.upload_part_copy(&call).await,
            Op::CompleteMultipartUpload => self.complete_upload(&call, body).await,
            Op::AbortMultipartUpload => self.abort_upload(&call).await,
            Op::ListParts => self.list_parts(&call).await,
            Op::ListMultipartUploads => self.list_uploads(&call).await,
            Op::ListBuckets => self.list_buckets(&call).await,
            Op::CreateBucket => self.create_bucket(&call, body).await,
            Op::DeleteBucket => self.delete_bucket(&call).await,
            Op::HeadBucket => self.head_bucket(&call).await,
            Op::GetBucketLocation => self.get_bucket_location(&call).await,
            Op::GetBucketAcl | Op::GetObjectAcl => self.get_acl(&call).await,
            Op::PutBucketAcl | Op::PutObjectAcl => self.put_acl(&call, body).await,
            Op::GetBucketPolicy | Op::GetBucketPolicyStatus => self.get_bucket_policy(&call).await,
            Op::PutBucketPolicy => self.put_bucket_policy(&call, body).await,
            Op::DeleteBucketPolicy => self.delete_bucket_policy(&call).await,
            Op::GetPublicAccessBlock | Op::GetBucketOwnershipControls | Op::GetBucketTagging => {
                self.get_setting(&call).await
            }
            Op::PutPublicAccessBlock | Op::PutBucketOwnershipControls | Op::PutBucketTagging => {
                self.put_setting(&call, body).await
            }
            Op::DeletePublicAccessBlock
            | Op::DeleteBucketOwnershipControls
            | Op::DeleteBucketTagging => self.delete_setting(&call).await,
            Op::GetBucketCors => self.get_cors(&call).await,
            Op::PutBucketCors => self.put_cors(&call, body).await,
            Op::DeleteBucketCors => self.delete_cors(&call).await,
            Op::GetBucketEncryption => self.get_bucket_encryption(&call).await,
            other if other.class() == Class::Unset => self.get_unset(&call).await,
            other if other.class() == Class::PassThrough => self.pass(&call, body).await,
            // Refused and administrative operations do not get past policy.
            other => Err(Code::NotImplemented
                .because(format!("{other} is not offered."))
                .into()),
        }
    }

    /// The bucket the request names; `NoSuchBucket` when its tenant has none of that name.
    async fn bucket(&self, call: &Call) -> Result<Arc<Bucket>, GatewayError> {
        self.bucket_named(call, call.request.bucket()?).await
    }

    async fn bucket_named(
        &self,
        call: &Call,
        name: &BucketName,
    ) -> Result<Arc<Bucket>, GatewayError> {
        let found = self.buckets.find(call.leave.tenant(), name).await?;
        let missing = || {
            Code::NoSuchBucket
                .because("The specified bucket does not exist.")
                .with("BucketName", name.as_str())
        };
        Ok(found.ok_or_else(missing)?)
    }

    /// A write that the store refused for its condition, in S3's terms: `If-Match` on a key that has no object
    /// is `NoSuchKey`, which not every store (`SeaweedFS`) says. Decided by the store all the same; this only
    /// looks which of the two it was.
    async fn refused_write(&self, call: &Call, place: &Place, error: GatewayError) -> GatewayError {
        let is_condition = matches!(&error, GatewayError::Upstream(error) if error.code() == Some(Code::PreconditionFailed));
        if !is_condition || call.request.header("if-match").is_none() {
            return error;
        }
        let look = StoreRequest::object(Method::HEAD, &place.bucket.upstream, &place.key);
        match self.upstream.send(look).await {
            Err(missing) if missing.code() == Some(Code::NoSuchKey) => missing.into(),
            _ => error,
        }
    }

    /// The id of an object that is about to be sealed.
    pub(crate) fn draw_object_id(&self) -> Result<ObjectId, GatewayError> {
        Ok(ObjectId::draw(self.random.as_ref())?)
    }

    /// The object's place the request names.
    async fn place(&self, call: &Call) -> Result<Place, GatewayError> {
        Ok(Place {
            bucket: self.bucket(call).await?,
            key: call.request.key()?.as_str().to_owned(),
        })
    }
}

/// The URL of an object, as its client reaches the gateway: applications hand it on. Behind somebody else's TLS it
/// begins with `http`, for of that nothing is known here.
fn location(request: &S3Request) -> Result<String, S3Error> {
    // The fields of a form are its headers otherwise, but it was sent to this host.
    let header = request.parts.headers.get(http::header::HOST);
    let host = request.parts.uri.authority().map(Authority::as_str);
    let host = host.or(header.and_then(|host| host.to_str().ok()));
    let host = host.unwrap_or_default();
    let connection = request.parts.extensions.get::<Connection>();
    let is_secure = connection.is_some_and(|connection| connection.tls > 0);
    let scheme = if is_secure { "https" } else { "http" };
    let key = encode_path(request.key()?.as_str().as_bytes());
    if request.bucket_in_host {
        return Ok(format!("{scheme}://{host}/{key}"));
    }
    Ok(format!("{scheme}://{host}/{}/{key}", request.bucket()?))
}

/// `x-amz-expected-bucket-owner` and its form for a copy's source: every bucket here is its tenant's.
fn check_owner(request: &S3Request, tenant: &str) -> Result<(), GatewayError> {
    for name in [
        "x-amz-expected-bucket-owner",
        "x-amz-source-expected-bucket-owner",
    ] {
        if request.text(name)?.is_some_and(|owner| owner != tenant) {
            return Err(Code::AccessDenied
                .because(format!(
                    "The bucket's owner is not the one that {name} expects."
                ))
                .into());
        }
    }
    Ok(())
}

/// An answer with no body.
fn empty(status: StatusCode) -> Response<Answer> {
    let mut response = Response::new(Answer::empty());
    *response.status_mut() = status;
    response
}

/// An answer with an XML document.
fn document(document: String) -> Response<Answer> {
    let mut response = Response::new(Answer::Ready(document.into()));
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/xml"),
    );
    response
}
