//! The policy of a bucket, in IAM's JSON: kept as it came, compiled before it is kept, decided by from then on.
//! What is not understood in full is refused. `*` is every principal of the tenant: nothing is public here.

use http::{Response, StatusCode};
use policies::{Compiled, Malformed, compile_bucket_policy};

use super::store_headers::set;
use super::{Answered, Call, Operations, document, empty};
use crate::authorize::BUCKET_POLICY;
use crate::body::{Answer, Upload};
use crate::buckets::{Bucket, Setting};
use crate::compiled_policies::apart;
use crate::error::GatewayError;
use crate::s3::xml::{Element, Writer};
use crate::s3::{Code, Operation, S3Error};

impl Operations {
    pub(super) async fn put_bucket_policy(&self, call: &Call, incoming: Upload) -> Answered {
        let bucket = self.bucket(call).await?;
        let sent = call.document(incoming, LARGEST).await?;
        let compiled = compiled(sent.clone(), &bucket).await?;
        if compiled.is_public && self.blocks_public_policies(&bucket).await? {
            return Err(Code::AccessDenied
                .because("The bucket's public access block has BlockPublicPolicy, and the policy allows everybody something with no condition on who asks or from where.")
                .into());
        }
        let text = String::from_utf8(sent).map_err(|_| malformed("Policy: it is not UTF-8"))?;
        self.keep_policy(call, &bucket, Some(text)).await
    }

    pub(super) async fn delete_bucket_policy(&self, call: &Call) -> Answered {
        let bucket = self.bucket(call).await?;
        self.keep_policy(call, &bucket, None).await
    }

    pub(super) async fn get_bucket_policy(&self, call: &Call) -> Answered {
        let bucket = self.bucket(call).await?;
        let kept = match self.buckets.setting(&bucket, BUCKET_POLICY).await? {
            Setting::Document(text) => Some(text),
            Setting::Untouched | Setting::Removed => None,
        };
        if call.request.operation == Operation::GetBucketPolicy {
            let text =
                kept.ok_or_else(|| Code::NoSuchBucketPolicy.because("The bucket has no policy."))?;
            let mut response = Response::new(Answer::Ready(text.into()));
            set(response.headers_mut(), "content-type", "application/json");
            return Ok(response);
        }
        // One that is not understood any more denies everything, and is not public.
        let is_public = match kept {
            Some(text) => {
                let compiled = compiled(text.into_bytes(), &bucket).await;
                compiled.is_ok_and(|policy| policy.is_public)
            }
            None => false,
        };
        let mut writer = Writer::new("PolicyStatus");
        writer.text("IsPublic", is_public.to_string());
        Ok(document(writer.finish()))
    }

    async fn keep_policy(&self, call: &Call, bucket: &Bucket, text: Option<String>) -> Answered {
        self.buckets
            .set_setting(bucket, BUCKET_POLICY, text)
            .await?;
        call.leave.policy_changed(&bucket.name).await;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// Whether a client has asked for that. What a new bucket has says only that nothing here is public.
    async fn blocks_public_policies(&self, bucket: &Bucket) -> Result<bool, GatewayError> {
        let setting = self.buckets.setting(bucket, "public-access-block").await?;
        let Setting::Document(text) = setting else {
            return Ok(false);
        };
        let block = Element::parse(text.as_bytes())?;
        Ok(block.child_text("BlockPublicPolicy") == Some("true"))
    }
}

async fn compiled(text: Vec<u8>, bucket: &Bucket) -> Result<Compiled, GatewayError> {
    let (tenant, name) = (bucket.tenant.clone(), bucket.name.clone());
    let compiled = apart(move || compile_bucket_policy(&text, &tenant, &name)).await?;
    Ok(compiled.map_err(|error: Malformed| malformed(&error.to_string()))?)
}

fn malformed(what: &str) -> S3Error {
    Code::MalformedPolicy.because(format!("The policy is refused. {what}."))
}

/// S3's limit, and as much again for blanks.
const LARGEST: usize = 40 * 1024;
