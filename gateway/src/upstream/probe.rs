//! What this store does and does not do, found out by trying it at start-up.

use http::Method;
use md5::Digest as _;

use super::{SealedBody, StoreRequest, StoreResponse, Upstream, UpstreamError};
use crate::s3::{Code, Operation, S3Error, S3Request, etag};

/// What the store was found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// It decides `If-None-Match` and `If-Match` on writes.
    pub conditional_writes: bool,
    /// Its ETag of a single upload is the MD5 of the bytes, and of a multipart upload the MD5 of those.
    pub etags_are_md5: bool,
}

impl Capabilities {
    /// Tries the store with an empty object in the system bucket.
    pub async fn probe(upstream: &Upstream, system_bucket: &str) -> Result<Self, UpstreamError> {
        let put = || {
            StoreRequest::object(Method::PUT, system_bucket, PROBE).with_sealed(SealedBody::empty())
        };
        let first = upstream.send(put()).await?;
        let conditional_writes = match upstream.send(put().with_header("if-none-match", "*")).await
        {
            Ok(_) => false,
            Err(error) if error.code() == Some(Code::PreconditionFailed) => true,
            Err(error) if error.code() == Some(Code::NotImplemented) => false,
            Err(error) => return Err(error),
        };
        Ok(Self {
            conditional_writes,
            etags_are_md5: etag_of(&first) == Some(hex::encode(md5::Md5::digest(b""))),
        })
    }

    /// Refuses a conditional write where the store would ignore the condition: a check that is not made must
    /// not look like one that passed.
    pub fn check(self, request: &S3Request) -> Result<(), S3Error> {
        let writes = matches!(
            request.operation,
            Operation::PutObject
                | Operation::CopyObject
                | Operation::CompleteMultipartUpload
                | Operation::DeleteObject
        );
        if self.conditional_writes || !writes || request.write_conditions_for_store().is_empty() {
            return Ok(());
        }
        Err(Code::NotImplemented.because("The store behind the gateway does not decide conditional writes, so If-Match and If-None-Match cannot be honoured."))
    }
}

fn etag_of(response: &StoreResponse) -> Option<String> {
    let value = response.headers.get(http::header::ETAG)?.to_str().ok()?;
    Some(etag::unquoted(value).to_owned())
}

/// Written at every start, and left: it is empty.
const PROBE: &str = "system/probe";
