//! Empty objects whose keys end in a slash, by which clients mark folders, over stores that make directories of them and
//! keep nothing but their names (`SeaweedFS`). The envelope of such an object is kept in the system bucket and proves there
//! what it proves elsewhere: it opens for its bucket and key only, and says that the object is empty. The object still
//! lies in its bucket, so that listings, deleting and conditions are the store's.
//!
//! ```text
//! tenants/<tenant>/folders/<bucket uuid>/<hash of the key>      no bytes; the envelope is its metadata
//! ```

use http::{HeaderMap, Method};
use sealed_object::{Envelope, Error, Plain};

use super::read::Source;
use super::store_headers::{number, store_etag};
use super::{Operations, Place};
use crate::envelope;
use crate::error::{GatewayError, report};
use crate::s3::Code;
use crate::upstream::StoreRequest;

impl Operations {
    /// What is acknowledged must be there, so an upload under such a key is looked at before it is confirmed: bytes that
    /// the store dropped are refused, an envelope that it dropped is kept apart.
    pub(super) async fn check_kept(
        &self,
        place: &Place,
        put: &HeaderMap,
        length: Plain,
        envelope: &Envelope,
    ) -> Result<(), GatewayError> {
        let request = |method| StoreRequest::object(method, &place.bucket.upstream, &place.key);
        let kept = self.upstream.send(request(Method::HEAD)).await?;
        // Another ETag is another upload, and not ours to judge.
        let etag = store_etag(put).filter(|etag| store_etag(&kept.headers).as_ref() == Some(etag));
        let dropped = number(&kept.headers, "content-length") == Some(0);
        let Some(etag) = etag.filter(|_| dropped) else {
            return Ok(());
        };
        if length == Plain(0) {
            if envelope::read(&kept.headers).is_err() {
                let apart = StoreRequest::object(Method::PUT, &self.system_bucket, &apart(place));
                self.upstream
                    .send(envelope::write(apart, envelope)?)
                    .await?;
            }
            return Ok(());
        }
        let undo = request(Method::DELETE).with_header("if-match", &format!("\"{etag}\""));
        self.upstream.send(undo).await?;
        Err(Code::NotImplemented
            .because("The store behind the gateway keeps no bytes under a key that ends in a slash; choose another key, or send no bytes.")
            .into())
    }

    /// The envelope in the store's answer about an object, or the one that was kept apart.
    pub(super) async fn envelope_of(
        &self,
        source: &Source<'_>,
        store: &HeaderMap,
    ) -> Result<Envelope, GatewayError> {
        let is_bare = is_folder(&source.place.key)
            && source.version.is_none_or(|version| version == "null")
            && number(store, "content-length") == Some(0);
        match envelope::read(store) {
            Err(Error::NotSealed) if is_bare => {}
            read => return Ok(read?),
        }
        let apart = StoreRequest::object(Method::HEAD, &self.system_bucket, &apart(source.place));
        match self.upstream.send(apart).await {
            Ok(found) => Ok(envelope::read(&found.headers)?),
            Err(error) if error.is_missing() => Err(Error::NotSealed.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes what was kept apart for a folder that is gone. It says nothing without the folder, so a failure is
    /// only logged.
    pub(super) async fn forget_folder(&self, place: &Place) {
        if !is_folder(&place.key) {
            return;
        }
        let apart = StoreRequest::object(Method::DELETE, &self.system_bucket, &apart(place));
        if let Err(error) = self.upstream.send(apart).await {
            let error = report(&error);
            tracing::warn!(error, "the envelope of a folder that is gone stays behind");
        }
    }
}

/// Whether some stores make a directory of an object with this key.
pub(super) fn is_folder(key: &str) -> bool {
    key.ends_with('/')
}

/// The key is hashed: it may be longer than a name.
fn apart(place: &Place) -> String {
    let key = hex::encode(audit::tree::sha256(place.key.as_bytes()));
    let bucket = &place.bucket;
    format!("tenants/{}/folders/{}/{key}", bucket.tenant, bucket.id)
}
