//! The circumstances of a request that policies can ask about, from what was verified of it. What cannot be
//! read is left out: policies see it as absent.

use std::collections::BTreeMap;
use std::time::SystemTime;

use policies::Context;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::authenticate::Proof;
use crate::body::possible_lengths;
use crate::checksum::Declared;
use crate::connection::Connection;
use crate::s3::{Code, LOCK_MODES, Operation, S3Error, S3Request, purpose_of, tags};

/// The context of a request, as far as its head and its proof of identity tell.
pub(super) fn context_of(
    request: &S3Request,
    proof: &Proof,
    now: SystemTime,
    upstream_region: &str,
) -> Context {
    let header = |name: &str| {
        let value = request.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let connection = request.parts.extensions.get::<Connection>();
    let query = |name: &str| request.query.get(name).map(str::to_owned);
    let mut context = Context {
        src_ip: request.peer,
        tls: connection.map_or(0, |connection| connection.tls),
        client_cert_fp: connection.and_then(|connection| connection.client_cert_fp.clone()),
        auth_type: proof.auth_type,
        mfa_age: proof.mfa_age,
        auth_age: proof.auth_age,
        idle: proof.idle,
        sig_age: proof
            .signed_at
            .map(|at| now.duration_since(at).unwrap_or_default()),
        user_agent: header("user-agent"),
        referer: header("referer"),
        copy_source: copy_source(request),
        version_id: request.version().map(str::to_owned),
        break_glass: proof.break_glass.clone(),
        approvals: proof.approvals,
        purpose: purpose_of(request).ok().flatten().map(str::to_owned),
        ..Context::at(now, upstream_region)
    };
    if lists(request.operation) {
        context.list_prefix = query("prefix");
        context.delimiter = query("delimiter");
        let most = ["max-keys", "max-uploads", "max-buckets"];
        context.max_keys = most
            .into_iter()
            .find_map(|name| request.query.get(name)?.parse().ok());
    }
    if writes(request.operation) {
        context.size = size(request);
        context.upload = step(request.operation);
        context.part_number = part_number(request);
        context.content_type = header("content-type");
        context.checksum_alg = checksum(request);
        context.request_tags = header("x-amz-tagging").map_or_else(BTreeMap::new, |tags| {
            tags::of_header(&tags).into_iter().collect()
        });
        context.metadata_directive = header("x-amz-metadata-directive");
        context.acl = header("x-amz-acl");
        context.storage_class = header("x-amz-storage-class");
        context.lock_mode = header("x-amz-object-lock-mode");
        context.remaining_retention_days =
            header("x-amz-object-lock-retain-until-date").and_then(|until| days_until(&until, now));
    }
    context
}

fn lists(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::ListObjects
            | Operation::ListObjectsV2
            | Operation::ListObjectVersions
            | Operation::ListMultipartUploads
            | Operation::ListBuckets
    )
}

fn writes(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::PutObject
            | Operation::PostObject
            | Operation::CopyObject
            | Operation::CreateMultipartUpload
            | Operation::UploadPart
            | Operation::UploadPartCopy
            | Operation::CompleteMultipartUpload
            | Operation::PutObjectAcl
            | Operation::CreateBucket
            | Operation::PutBucketAcl
    )
}

/// The bytes of the object or part, where the head says so, to which the body is then held. Those of a form's
/// file, of a copy's source and of all parts together are known later, and decided about then.
fn size(request: &S3Request) -> Option<u64> {
    match request.operation {
        Operation::PutObject | Operation::UploadPart => {
            let chunked = request.headers.contains_key("x-amz-decoded-content-length");
            request.body_length(chunked).ok()
        }
        // What it has at least; the file's end shows the rest.
        Operation::PostObject => {
            let left = request.form.as_deref()?.left;
            Some(possible_lengths(request, left).ok()?.least)
        }
        _ => None,
    }
}

/// Which part is uploaded.
pub(super) fn part_number(request: &S3Request) -> Option<u64> {
    request.query.get("partNumber")?.parse().ok()
}

/// Which step of an upload in parts.
fn step(operation: Operation) -> Option<String> {
    let step = match operation {
        Operation::CreateMultipartUpload => "create",
        Operation::UploadPart | Operation::UploadPartCopy => "part",
        Operation::CompleteMultipartUpload => "complete",
        _ => return None,
    };
    Some(step.to_owned())
}

fn checksum(request: &S3Request) -> Option<String> {
    let declared = Declared::from_headers(&request.headers).ok()?.algorithm();
    let of_upload = request.text("x-amz-checksum-algorithm").ok().flatten();
    let md5 = request.headers.contains_key("content-md5").then_some("MD5");
    declared
        .map(|algorithm| algorithm.name().to_owned())
        .or(of_upload.or(md5).map(str::to_owned))
}

fn copy_source(request: &S3Request) -> Option<String> {
    request.headers.get("x-amz-copy-source")?;
    let source = request.copy_source().ok()?;
    Some(format!("{}/{}", source.bucket, source.key.as_str()))
}

/// What the document of a retention says, if it is one that can be read.
pub(crate) fn learn_retention(
    context: &mut Context,
    mode: Option<&str>,
    until: Option<&str>,
) -> Result<(), S3Error> {
    if mode.is_some_and(|mode| !LOCK_MODES.contains(&mode)) {
        return Err(Code::MalformedXml.because("Mode: must be GOVERNANCE or COMPLIANCE."));
    }
    context.lock_mode = mode.map(str::to_owned);
    context.remaining_retention_days = match until {
        None => None,
        Some(until) => Some(days_until(until, context.now).ok_or_else(|| {
            Code::MalformedXml.because("RetainUntilDate: must be a time as 2027-01-31T00:00:00Z.")
        })?),
    };
    Ok(())
}

/// Whole days, begun ones included.
fn days_until(until: &str, now: SystemTime) -> Option<u64> {
    let until = SystemTime::from(OffsetDateTime::parse(until.trim(), &Rfc3339).ok()?);
    let left = until.duration_since(now).unwrap_or_default();
    Some(left.as_secs().div_ceil(24 * 60 * 60))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use policies::AuthType;

    use super::*;
    use crate::s3::{Addressing, RequestId};

    const NOW: u64 = 1_800_000_000;

    fn context(method: &str, uri: &str, headers: &[(&str, &str)]) -> Context {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(Connection {
            tls: 13,
            client_cert_fp: None,
        });
        let peer = Some("10.0.0.7".parse().unwrap());
        let request = S3Request::parse(parts, RequestId(1), peer, &Addressing::default()).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        let proof = Proof {
            auth_type: AuthType::Presigned,
            signed_at: Some(now - Duration::from_secs(9)),
            ..Proof::default()
        };
        context_of(&request, &proof, now, "eu-central-1")
    }

    #[test]
    fn what_is_written_is_described() {
        let put = context(
            "PUT",
            "/bucket/k",
            &[
                ("content-length", "99"),
                ("x-amz-decoded-content-length", "7"),
                ("content-type", "video/mp4"),
                ("x-amz-trailer", "x-amz-checksum-sha256"),
                ("x-amz-tagging", "contractId=a%20b&witnessId=7"),
                ("x-amz-object-lock-mode", "GOVERNANCE"),
                (
                    "x-amz-object-lock-retain-until-date",
                    "2027-01-17T08:00:00Z",
                ),
            ],
        );
        assert_eq!(put.size, Some(7));
        assert_eq!(put.content_type.as_deref(), Some("video/mp4"));
        assert_eq!(put.checksum_alg.as_deref(), Some("SHA256"));
        let tags = [("contractId", "a b"), ("witnessId", "7")];
        let tags = tags.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(put.request_tags, tags.into());
        // NOW is 2027-01-15T08:00:00Z.
        assert_eq!(put.remaining_retention_days, Some(2));
        assert_eq!((put.tls, put.sig_age), (13, Some(Duration::from_secs(9))));
        assert_eq!(put.src_ip, Some("10.0.0.7".parse().unwrap()));
    }

    #[test]
    fn a_retention_is_read_or_refused() {
        let mut context = context("PUT", "/bucket/k?retention", &[]);
        let until = Some("2027-01-17T08:00:00Z");
        learn_retention(&mut context, Some("COMPLIANCE"), until).unwrap();
        assert_eq!(context.lock_mode.as_deref(), Some("COMPLIANCE"));
        assert_eq!(context.remaining_retention_days, Some(2));
        learn_retention(&mut context, None, None).unwrap();
        assert_eq!(
            (&context.lock_mode, context.remaining_retention_days),
            (&None, None)
        );
        for (mode, until) in [("COMPLIANCE", Some("next year")), ("compliance", until)] {
            let refused = learn_retention(&mut context, Some(mode), until);
            assert_eq!(refused.unwrap_err().code, Code::MalformedXml, "{mode}");
        }
    }

    #[test]
    fn a_purpose_is_the_clients_word_if_it_is_a_code() {
        let stated = |word| context("GET", "/bucket/k", &[("x-sealgate-purpose", word)]).purpose;
        assert_eq!(stated("treat").as_deref(), Some("TREAT"));
        assert_eq!(stated("curiosity"), None);
    }

    #[test]
    fn what_is_not_said_is_absent() {
        let list = context("GET", "/bucket?list-type=2&prefix=&max-keys=3", &[]);
        assert_eq!(list.list_prefix.as_deref(), Some(""));
        assert_eq!((list.delimiter, list.max_keys), (None, Some(3)));
        let list = context("GET", "/bucket?list-type=2", &[("content-type", "x/y")]);
        assert_eq!((list.list_prefix, list.content_type), (None, None));
        let put = context("PUT", "/bucket/k", &[("content-length", "5")]);
        assert_eq!((put.size, put.checksum_alg), (Some(5), None));
        assert!(put.request_tags.is_empty());
    }
}
