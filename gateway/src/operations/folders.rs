//! Empty objects whose keys end in a slash, by which clients mark folders, over stores that make directories of them and
//! keep nothing but their names (`SeaweedFS`). The envelope of such an object is kept in the system bucket and proves there
//! what it proves elsewhere: it opens for its bucket and key only, and says that the object is empty. The object still
//! lies in its bucket, so that listings, deleting and conditions are the store's.
//!
//! ```text
//! tenants/<tenant>/folders/<bucket uuid>/<hash of the key>      the envelope is its metadata, a random id its body
//! ```
//!
//! Nobody reads the body. By it each write has an `ETag` of its own, on which conditions can be set.

use http::{HeaderMap, Method};
use sealed_object::{Envelope, Error, Plain};

use super::read::Source;
use super::store_headers::{number, store_etag};
use super::{Operations, Place};
use crate::envelope;
use crate::error::{GatewayError, report};
use crate::s3::Code;
use crate::upstream::StoreRequest;

/// The document that carries an envelope which the store did not keep with its object.
#[derive(Debug)]
pub(super) struct Apart {
    /// Its key in the system bucket.
    pub(super) key: String,
    /// As the store answered about it.
    pub(super) store: HeaderMap,
}

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
        let kept = match self.upstream.send(request(Method::HEAD)).await {
            // It was written, and somebody has deleted it since.
            Err(error) if error.is_missing() => return Ok(()),
            kept => kept?,
        };
        // Another ETag is another upload, and not ours to judge.
        let etag = store_etag(put).filter(|etag| store_etag(&kept.headers).as_ref() == Some(etag));
        let dropped = number(&kept.headers, "content-length") == Some(0);
        let Some(etag) = etag.filter(|_| dropped) else {
            return Ok(());
        };
        if length == Plain(0) {
            if envelope::read(&kept.headers).is_err() {
                let write = self.writes_apart(&apart(place), envelope)?;
                self.upstream.send(write).await?;
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
        match envelope::read(store) {
            Err(Error::NotSealed) if is_bare(source.place, source.version, store) => {}
            read => return Ok(read?),
        }
        match self.kept_apart(source.place).await? {
            Some(apart) => Ok(envelope::read(&apart.store)?),
            None => Err(Error::NotSealed.into()),
        }
    }

    /// What is kept apart for a key, if anything is.
    pub(super) async fn kept_apart(&self, place: &Place) -> Result<Option<Apart>, GatewayError> {
        if !is_folder(&place.key) {
            return Ok(None);
        }
        let key = apart(place);
        let request = StoreRequest::object(Method::HEAD, &self.system_bucket, &key);
        match self.upstream.send(request).await {
            Ok(found) => Ok(Some(Apart {
                key,
                store: found.headers,
            })),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts another envelope in the place of one that is kept apart, if that is the one that was seen.
    pub(super) async fn replace_apart(
        &self,
        seen: &Apart,
        envelope: &Envelope,
    ) -> Result<(), GatewayError> {
        let etag = store_etag(&seen.store).unwrap_or_default();
        let write = self.writes_apart(&seen.key, envelope)?;
        let write = write.with_header("if-match", &format!("\"{etag}\""));
        self.upstream.send(write).await?;
        Ok(())
    }

    fn writes_apart(&self, key: &str, envelope: &Envelope) -> Result<StoreRequest, GatewayError> {
        let own = uuid::Uuid::new_v4().to_string();
        let request =
            StoreRequest::object(Method::PUT, &self.system_bucket, key).with_document(own);
        Ok(envelope::write(request, envelope)?)
    }

    /// Removes what was kept apart for a folder that is gone, as it was before that went: somebody may have made the folder
    /// anew since, and what is kept apart for that one stays. It says nothing without a folder, so a failure is only logged.
    pub(super) async fn forget(&self, apart: Apart) {
        let etag = store_etag(&apart.store).unwrap_or_default();
        let request = StoreRequest::object(Method::DELETE, &self.system_bucket, &apart.key)
            .with_header("if-match", &format!("\"{etag}\""));
        match self.upstream.send(request).await {
            Err(error) if error.code() == Some(Code::PreconditionFailed) => {}
            Err(error) => {
                let error = report(&error);
                tracing::warn!(error, "the envelope of a folder that is gone stays behind");
            }
            Ok(_) => {}
        }
    }
}

/// Whether some stores make a directory of an object with this key.
pub(super) fn is_folder(key: &str) -> bool {
    key.ends_with('/')
}

/// Whether the store keeps nothing of it but its name, as of a folder.
pub(super) fn is_bare(place: &Place, version: Option<&str>, store: &HeaderMap) -> bool {
    is_folder(&place.key)
        && version.is_none_or(|version| version == "null")
        && number(store, "content-length") == Some(0)
}

/// The key is hashed: it may be longer than a name.
fn apart(place: &Place) -> String {
    let key = hex::encode(audit::tree::sha256(place.key.as_bytes()));
    let bucket = &place.bucket;
    format!("tenants/{}/folders/{}/{key}", bucket.tenant, bucket.id)
}
