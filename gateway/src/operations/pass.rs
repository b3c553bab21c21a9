//! Operations whose answers do not depend on sealing: tags, retention, legal holds, settings that are
//! read. The store answers; names are mapped, documents pass.

use http::{Method, Response};

use super::store_headers::{pass_store_facts, set};
use super::{Answered, Call, Operations};
use crate::authorize::learn_retention;
use crate::body::{Answer, Upload};
use crate::error::GatewayError;
use crate::s3::xml::Element;
use crate::s3::{Code, Operation, S3Error, tags};
use crate::trail::Facts;
use crate::upstream::{StoreRequest, UpstreamError, read_limited};

impl Operations {
    pub(super) async fn pass(&self, call: &Call, incoming: Upload) -> Answered {
        let bucket = self.bucket(call).await?;
        let method =
            Method::from_bytes(call.request.operation.method().as_bytes()).unwrap_or(Method::GET);
        let sends_document = matches!(method, Method::PUT | Method::POST);
        let mut request = match &call.request.key {
            Some(key) => StoreRequest::object(method, &bucket.upstream, key.as_str()),
            None => StoreRequest::bucket(method, &bucket.upstream),
        };
        for (name, value) in call
            .request
            .query
            .pairs()
            .filter(|(name, _)| is_passed(name))
        {
            request = request.with_query(name, value);
        }
        let mut retain_until = None;
        if sends_document {
            let document = call.document(incoming, LONGEST).await?;
            // Parsed to be sure that it is one document; written anew from what was read.
            let document = Element::parse(&document)?;
            // What is decided about here is what the store reads there.
            document.unambiguous(&["Tag"])?;
            check_restore(call.request.operation, &document)?;
            check_versioning(call.request.operation, &document)?;
            if call.request.operation == Operation::PutObjectTagging {
                let tags = tags::of_document(&document);
                tags::check(&tags, tags::OF_OBJECT)?;
                call.leave
                    .again(|context| context.request_tags = tags.into_iter().collect())
                    .await?;
            }
            if call.request.operation == Operation::PutObjectRetention {
                let named = |name| document.child_text(name);
                let (mode, until) = (named("Mode"), named("RetainUntilDate"));
                let learn = |context: &mut _| learn_retention(context, mode, until);
                call.leave.learning(learn).await?;
                retain_until = until.map(str::to_owned);
            }
            let document = document.rewritten();
            request = super::delete::with_document_md5(request, document);
        }
        if call.request.operation == Operation::PutObjectRetention {
            request = super::delete::with_bypass(call, request).await?;
        }
        let stored = self
            .upstream
            .send(request)
            .await
            .map_err(|error| without_lock(call.request.operation, error))?;
        let document = read_limited(stored.body, LONGEST).await?;
        let has_document = !document.is_empty();
        let mut response = Response::new(Answer::Ready(document));
        *response.status_mut() = stored.status;
        pass_store_facts(&stored.headers, response.headers_mut());
        if retain_until.is_some() {
            let facts = Facts::retained(&stored.headers, retain_until.as_deref());
            response.extensions_mut().insert(facts);
        }
        if has_document {
            set(response.headers_mut(), "content-type", "application/xml");
        }
        Ok(response)
    }
}

/// A restore that selects, or that writes its result elsewhere, would leave the gateway.
fn check_restore(operation: Operation, document: &Element) -> Result<(), S3Error> {
    let known = ["Days", "Tier", "GlacierJobParameters"];
    let other = document
        .children
        .iter()
        .find(|child| !known.contains(&child.name.as_str()));
    match other {
        Some(other) if operation == Operation::RestoreObject => Err(Code::NotImplemented
            .because(format!("RestoreObject with {} is not offered.", other.name))),
        _ => Ok(()),
    }
}

/// A bucket's versions are kept or not kept any more; S3 knows nothing else.
fn check_versioning(operation: Operation, document: &Element) -> Result<(), S3Error> {
    let known = [Some("Enabled"), Some("Suspended")];
    if operation == Operation::PutBucketVersioning
        && !known.contains(&document.child_text("Status"))
    {
        return Err(Code::MalformedXml.because(
            "A VersioningConfiguration with the Status Enabled or Suspended is needed here.",
        ));
    }
    Ok(())
}

/// An object that is neither retained nor held has its own code in S3. `SeaweedFS` speaks of the bucket, or has a code
/// of its own that S3's clients do not know.
fn without_lock(operation: Operation, error: UpstreamError) -> GatewayError {
    let of_object = match (operation, &error) {
        (Operation::GetObjectRetention, refused) => {
            refused.code() == Some(Code::ObjectLockConfigurationNotFound)
        }
        (Operation::GetObjectLegalHold, UpstreamError::Refused { code_text, .. }) => {
            code_text == "NoSuchObjectLegalHold"
        }
        _ => false,
    };
    if !of_object {
        return error.into();
    }
    Code::NoSuchObjectLockConfiguration
        .because("The specified object is neither retained nor held.")
        .into()
}

fn is_passed(name: &str) -> bool {
    name == "versionId" || Operation::is_sub_resource(name)
}

/// More than any of these documents has.
const LONGEST: usize = 1024 * 1024;
