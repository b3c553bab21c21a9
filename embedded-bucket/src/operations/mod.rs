//! The S3 operations: s3s's trait on one side, the index and the bodies on the other.

mod buckets;
mod copies;
mod listings;
mod locks;
mod multipart;
mod objects;
mod reading;
mod tags;
mod wire;

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use s3s::dto;
use s3s::{S3, S3Request, S3Response, S3Result};
use tokio::task::spawn_blocking;

use crate::bodies::Bodies;
use crate::edge::Intake;
use crate::fault::Fault;
use crate::index::{Index, Moment, View};

/// What every operation works with; clones share it.
#[derive(Clone)]
pub(crate) struct Operations {
    index: Arc<Index>,
    bodies: Arc<Bodies>,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl Operations {
    pub(crate) fn new(
        index: Index,
        bodies: Arc<Bodies>,
        clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    ) -> Self {
        Self {
            index: Arc::new(index),
            bodies,
            clock,
        }
    }

    fn now(&self) -> Moment {
        Moment::from((self.clock)())
    }

    /// Reads from a view on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&View) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let index = Arc::clone(&self.index);
        let task = spawn_blocking(move || look(&index.view()?));
        task.await.map_err(std::io::Error::other)?
    }
}

/// Implements s3s's trait by naming, for each operation, the method of ours that does it.
///
/// Operations that are not listed answer `NotImplemented`, which is the trait's default.
macro_rules! operations {
    ($($operation:ident($input:ident) -> $output:ident;)+) => {
        #[async_trait::async_trait]
        impl S3 for Operations {
            $(async fn $operation(
                &self,
                request: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                let intake = request.extensions.get::<Intake>().cloned().unwrap_or_default();
                let output = Operations::$operation(self, request.input, intake).await?;
                Ok(output.into_response())
            })+
        }
    };
}

operations! {
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput;
    copy_object(CopyObjectInput) -> CopyObjectOutput;
    create_bucket(CreateBucketInput) -> CreateBucketOutput;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
    get_bucket_accelerate_configuration(GetBucketAccelerateConfigurationInput) -> GetBucketAccelerateConfigurationOutput;
    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
    get_bucket_request_payment(GetBucketRequestPaymentInput) -> GetBucketRequestPaymentOutput;
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput;
    get_object(GetObjectInput) -> GetObjectOutput;
    get_object_legal_hold(GetObjectLegalHoldInput) -> GetObjectLegalHoldOutput;
    get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput;
    get_object_retention(GetObjectRetentionInput) -> GetObjectRetentionOutput;
    get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput;
    head_bucket(HeadBucketInput) -> HeadBucketOutput;
    head_object(HeadObjectInput) -> HeadObjectOutput;
    list_buckets(ListBucketsInput) -> ListBucketsOutput;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput;
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput;
    list_objects(ListObjectsInput) -> ListObjectsOutput;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
    list_parts(ListPartsInput) -> ListPartsOutput;
    put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput;
    put_object(PutObjectInput) -> PutObjectOutput;
    put_object_legal_hold(PutObjectLegalHoldInput) -> PutObjectLegalHoldOutput;
    put_object_lock_configuration(PutObjectLockConfigurationInput) -> PutObjectLockConfigurationOutput;
    put_object_retention(PutObjectRetentionInput) -> PutObjectRetentionOutput;
    put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput;
    upload_part(UploadPartInput) -> UploadPartOutput;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
}

/// An operation's result as s3s takes it: the output, and headers s3s has no field for.
trait IntoResponse<T> {
    fn into_response(self) -> S3Response<T>;
}

impl<T> IntoResponse<T> for T {
    fn into_response(self) -> S3Response<T> {
        S3Response::new(self)
    }
}

/// An output with headers that s3s would write differently from how they were stored.
struct WithHeaders<T>(T, HeaderMap);

impl<T> IntoResponse<T> for WithHeaders<T> {
    fn into_response(self) -> S3Response<T> {
        S3Response::with_headers(self.0, self.1)
    }
}
