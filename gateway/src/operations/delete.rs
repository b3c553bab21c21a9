//! `DeleteObject` and `DeleteObjects`. The keys that are decided about are the keys that are deleted: the
//! store gets a document written from what was parsed, never the client's.

use std::sync::Arc;

use base64::Engine as _;
use futures_util::{FutureExt, StreamExt as _, TryStreamExt as _, stream};
use http::{Method, StatusCode};
use md5::Digest as _;
use policies::{Action, Decision};

use super::folders::Apart;
use super::store_headers::{pass_store_facts, set};
use super::{Answered, Call, Operations, Place, document, empty};
use crate::body::Upload;
use crate::buckets::Bucket;
use crate::error::GatewayError;
use crate::s3::etag;
use crate::s3::xml::{Element, ObjectIdentifier, Writer, parse_delete};
use crate::s3::{Code, S3Error};
use crate::trail::{Facts, KeyOutcome};
use crate::upstream::StoreRequest;

impl Operations {
    pub(super) async fn delete_object(&self, call: &Call) -> Answered {
        let place = self.place(call).await?;
        let request = StoreRequest::object(Method::DELETE, &place.bucket.upstream, &place.key)
            .with_query_if("versionId", call.request.version())
            .with_headers(call.request.write_conditions_for_store());
        let request = with_bypass(call, request).await?;
        let apart = match call.request.version() {
            None => self.kept_apart(&place).await?,
            Some(_) => None,
        };
        let stored = self.upstream.send(request).await?;
        if let Some(apart) = apart {
            self.forget(apart).await;
        }
        let mut response = empty(StatusCode::NO_CONTENT);
        pass_store_facts(&stored.headers, response.headers_mut());
        response
            .extensions_mut()
            .insert(Facts::deleted(&stored.headers));
        Ok(response)
    }

    pub(super) async fn delete_objects(&self, call: &Call, incoming: Upload) -> Answered {
        let bucket = self.bucket(call).await?;
        let parsed = parse_delete(&call.document(incoming, LONGEST_DELETE).await?)?;
        let (mut permitted, mut denied) = (Vec::new(), Vec::new());
        for object in parsed.objects {
            match deletion(call, &bucket.name, &object).await? {
                Decision::Permit { .. } => permitted.push(object),
                Decision::Deny(denial) => denied.push((object, denial)),
            }
        }
        let mut outcomes: Vec<KeyOutcome> = Vec::new();
        let mut result = Writer::new("DeleteResult");
        if !permitted.is_empty() {
            let request =
                StoreRequest::bucket(Method::POST, &bucket.upstream).with_query("delete", "");
            let request =
                with_document_md5(pass_bypass(call, request)?, delete_document(&permitted));
            let folders = self.folders_among(&bucket, &permitted).await?;
            let (_, answer) = self.upstream.document(request, LONGEST_RESULT).await?;
            write_result(&mut result, &answer, parsed.quiet);
            outcomes.extend(permitted.iter().map(|object| outcome_in(&answer, object)));
            let is_gone = |key: &str| {
                let of_key = |one: &&KeyOutcome| one.key == key && one.version.is_none();
                outcomes
                    .iter()
                    .filter(of_key)
                    .all(|one| one.error.is_none())
            };
            for (_, apart) in folders.into_iter().filter(|(key, _)| is_gone(key)) {
                self.forget(apart).await;
            }
        }
        for (object, denial) in denied {
            let error = Some("AccessDenied".to_owned());
            outcomes.push(KeyOutcome {
                key: object.key.as_str().to_owned(),
                version: object.version.clone(),
                error,
                denial: Some(denial),
            });
            result.within("Error", |error| {
                error
                    .text("Key", object.key.as_str())
                    .maybe("VersionId", object.version.as_deref());
                error
                    .text("Code", "AccessDenied")
                    .text("Message", "Access denied by policy.");
            });
        }
        let mut response = document(result.finish());
        response.extensions_mut().insert(Facts::of_keys(outcomes));
        Ok(response)
    }

    /// What is kept apart for those of these keys that are about to be deleted as a whole.
    async fn folders_among(
        &self,
        bucket: &Arc<Bucket>,
        objects: &[ObjectIdentifier],
    ) -> Result<Vec<(String, Apart)>, GatewayError> {
        let whole = objects.iter().filter(|object| object.version.is_none());
        let looks = whole.map(|object| async move {
            let (bucket, key) = (Arc::clone(bucket), object.key.as_str().to_owned());
            let place = Place { bucket, key };
            let apart = self.kept_apart(&place).await?;
            Ok::<_, GatewayError>(apart.map(|apart| (place.key, apart)))
        });
        let looks: Vec<_> = looks.map(FutureExt::boxed).collect();
        let found = stream::iter(looks).buffered(LOOKS_AT_ONCE);
        found
            .try_filter_map(async |apart| Ok(apart))
            .try_collect()
            .await
    }
}

/// Passes `x-amz-bypass-governance-retention` for those who may set retention, and refuses it from
/// others: dropping it would delete less than was asked, passing it would delete more than is allowed.
pub(super) async fn with_bypass(
    call: &Call,
    request: StoreRequest,
) -> Result<StoreRequest, GatewayError> {
    if call.request.text(BYPASS)?.is_some() {
        let (bucket, key) = (call.request.bucket()?, call.request.key()?);
        let (bypass, version) = (Action::BypassGovernanceRetention, call.request.version());
        call.leave
            .need(bypass, bucket.as_str(), key.as_str(), version)
            .await?;
    }
    pass_bypass(call, request)
}

/// The same where it was decided about already.
fn pass_bypass(call: &Call, mut request: StoreRequest) -> Result<StoreRequest, GatewayError> {
    if let Some(value) = call.request.text(BYPASS)? {
        set(&mut request.headers, BYPASS, value);
    }
    Ok(request)
}

/// Whether this key may be deleted, and its retention bypassed where the request asks for that.
async fn deletion(
    call: &Call,
    bucket: &str,
    object: &ObjectIdentifier,
) -> Result<Decision, GatewayError> {
    let (key, version) = (object.key.as_str(), object.version.as_deref());
    let action = match version {
        Some(_) => Action::DeleteObjectVersion,
        None => Action::DeleteObject,
    };
    let decision = call.leave.also(action, bucket, key, version).await?;
    if decision.is_permit() && call.request.header(BYPASS).is_some() {
        let bypass = Action::BypassGovernanceRetention;
        return call.leave.also(bypass, bucket, key, version).await;
    }
    Ok(decision)
}

/// Some stores still insist on `Content-MD5` here.
pub(super) fn with_document_md5(request: StoreRequest, document: String) -> StoreRequest {
    let digest = md5::Md5::digest(document.as_bytes());
    let text = base64::engine::general_purpose::STANDARD.encode(digest);
    request
        .with_header("content-md5", &text)
        .with_document(document)
}

fn delete_document(objects: &[ObjectIdentifier]) -> String {
    let mut writer = Writer::new("Delete");
    for object in objects {
        writer.within("Object", |element| {
            element
                .text("Key", object.key.as_str())
                .maybe("VersionId", object.version.as_deref());
            element.maybe("ETag", object.etag.as_deref().map(etag::condition_upstream));
        });
    }
    writer.finish()
}

fn write_result(result: &mut Writer, answer: &Element, quiet: bool) {
    for deleted in answer.all("Deleted").filter(|_| !quiet) {
        result.within("Deleted", |element| {
            for name in ["Key", "VersionId", "DeleteMarker", "DeleteMarkerVersionId"] {
                element.maybe(name, deleted.child_text(name));
            }
        });
    }
    for failed in answer.all("Error") {
        let told = told_error(failed.child_text("Code").unwrap_or_default());
        result.within("Error", |element| {
            element
                .maybe("Key", failed.child_text("Key"))
                .maybe("VersionId", failed.child_text("VersionId"));
            element
                .text("Code", told.code.as_str())
                .text("Message", &told.message);
        });
    }
}

/// What the store says became of one object. What it does not mention, it did: so says `Quiet`, and the
/// request to the store is never quiet.
fn outcome_in(answer: &Element, object: &ObjectIdentifier) -> KeyOutcome {
    let names = |element: &&Element| {
        element.child_text("Key") == Some(object.key.as_str())
            && element.child_text("VersionId") == object.version.as_deref()
    };
    let failed = answer.all("Error").find(names);
    let error = failed.map(|error| {
        told_error(error.child_text("Code").unwrap_or_default())
            .code
            .as_str()
            .to_owned()
    });
    KeyOutcome {
        key: object.key.as_str().to_owned(),
        version: object.version.clone(),
        error,
        denial: None,
    }
}

/// A failure of the store for one key, in our words.
fn told_error(code: &str) -> S3Error {
    let refused = crate::upstream::UpstreamError::Refused {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: Code::from_text(code),
        code_text: code.to_owned(),
        message: String::new(),
        headers: Box::default(),
    };
    GatewayError::from(refused).fault()
}

const BYPASS: &str = "x-amz-bypass-governance-retention";

/// For folders among the keys of one request.
const LOOKS_AT_ONCE: usize = 16;

/// 1 000 keys of 1 024 bytes, escaped, with room.
const LONGEST_DELETE: usize = 4 * 1024 * 1024;
const LONGEST_RESULT: usize = 8 * 1024 * 1024;
