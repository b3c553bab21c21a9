//! The answers that several operations share: errors, and results that carry little but an `ETag`.

use super::Writer;
use crate::s3::code::S3Error;
use crate::s3::request::RequestId;

/// S3's error document.
pub fn error_document(error: &S3Error, resource: &str, id: RequestId) -> String {
    let mut writer = Writer::bare("Error");
    writer
        .text("Code", error.code.as_str())
        .text("Message", &error.message);
    for (name, value) in &error.details {
        writer.text(name, value);
    }
    writer
        .text("Resource", resource)
        .text("RequestId", id.to_string())
        .text("HostId", id.to_string());
    writer.finish()
}

/// `CopyObjectResult` and `CopyPartResult`: when, and the `ETag` a client sees.
pub fn etag_result(root: &'static str, last_modified: &str, etag: &str) -> String {
    let mut writer = Writer::new(root);
    writer
        .text("LastModified", last_modified)
        .text("ETag", format!("\"{etag}\""));
    writer.finish()
}
