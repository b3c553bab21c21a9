//! A bucket's CORS rules: kept by the gateway, because it is the gateway that browsers speak to.

use http::StatusCode;

use super::{Answered, Call, Operations, document, empty};
use crate::body::Upload;
use crate::buckets::Setting;
use crate::cors::SETTING;
use crate::s3::Code;
use crate::s3::cors::CorsRules;

impl Operations {
    pub(super) async fn get_cors(&self, call: &Call) -> Answered {
        let bucket = self.bucket(call).await?;
        match self.buckets.setting(&bucket, SETTING).await? {
            Setting::Document(text) => Ok(document(text)),
            Setting::Untouched | Setting::Removed => Err(Code::NoSuchCorsConfiguration
                .because("The CORS configuration does not exist.")
                .with("BucketName", bucket.name.as_str())
                .into()),
        }
    }

    pub(super) async fn put_cors(&self, call: &Call, incoming: Upload) -> Answered {
        let bucket = self.bucket(call).await?;
        let rules = CorsRules::parse(&call.document(incoming, LONGEST_CORS).await?)?;
        let text = Some(rules.document());
        self.buckets.set_setting(&bucket, SETTING, text).await?;
        self.cors
            .forget(call.leave.tenant(), call.request.bucket()?)
            .await;
        Ok(empty(StatusCode::OK))
    }

    pub(super) async fn delete_cors(&self, call: &Call) -> Answered {
        let bucket = self.bucket(call).await?;
        self.buckets.set_setting(&bucket, SETTING, None).await?;
        self.cors
            .forget(call.leave.tenant(), call.request.bucket()?)
            .await;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}

/// S3's limit on the document.
const LONGEST_CORS: usize = 64 * 1024;
