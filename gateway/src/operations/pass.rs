//! Operations whose answers do not depend on sealing: tags, retention, legal holds, settings that are
//! read. The store answers; names are mapped, documents pass.

use http::{Method, Response};

use super::store_headers::{pass_store_facts, set};
use super::{Answered, Call, Operations};
use crate::authorize::tags_of;
use crate::body::{Answer, Upload};
use crate::s3::xml::Element;
use crate::s3::{Code, Operation, S3Error};
use crate::upstream::{StoreRequest, read_limited};

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
        if sends_document {
            let document = call.document(incoming, LONGEST).await?;
            // Parsed to be sure that it is one document; written anew from what was read.
            let document = Element::parse(&document)?;
            check_restore(call.request.operation, &document)?;
            if call.request.operation == Operation::PutObjectTagging {
                let tags = tags_of(&document);
                call.leave
                    .again(|context| context.request_tags = tags)
                    .await?;
            }
            let document = document.rewritten();
            request = super::delete::with_document_md5(request, document);
        }
        if call.request.operation == Operation::PutObjectRetention {
            request = super::delete::with_bypass(call, request).await?;
        }
        let stored = self.upstream.send(request).await?;
        let document = read_limited(stored.body, LONGEST).await?;
        let has_document = !document.is_empty();
        let mut response = Response::new(Answer::Ready(document));
        *response.status_mut() = stored.status;
        pass_store_facts(&stored.headers, response.headers_mut());
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

fn is_passed(name: &str) -> bool {
    name == "versionId" || Operation::is_sub_resource(name)
}

/// More than any of these documents has.
const LONGEST: usize = 1024 * 1024;
