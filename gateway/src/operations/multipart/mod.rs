//! Multipart uploads. Their state rides in the upload id and the part `ETags` that the client echoes, so any
//! replica can go on with any upload; what the store must remember lies in the system bucket
//! (`records.rs`).

mod checksums;
mod complete;
mod create;
mod in_place;
mod large;
mod list;
mod own;
mod part;
mod records;
mod reencrypt;
mod same_parts;
mod streamed;

pub(super) use large::{Written, is_large};
pub use own::LeftBehind;
use sealed_object::{Context, KeyId, Upload, UploadId};

use self::checksums::Chosen;
use super::{Call, Operations, Place};
use crate::error::GatewayError;
use crate::keys::place_of;
use crate::s3::{Code, S3Error};

/// An upload that was verified to be ours and for this place.
#[derive(Debug)]
struct Ongoing {
    place: Place,
    upload: Upload,
    /// As the client knows it.
    id: String,
    /// The KEK version it is sealed under.
    kek_id: KeyId,
}

impl Ongoing {
    /// The checksum chosen for the object when the upload began.
    fn chosen(&self) -> Option<Chosen> {
        self.upload.checksum().and_then(Chosen::of)
    }
}

impl Operations {
    /// The upload that `?uploadId=` names; `NoSuchUpload` for one we did not issue for this object.
    async fn ongoing(&self, call: &Call) -> Result<Ongoing, GatewayError> {
        self.verified(call, |place| self.keys.context(&place.bucket, &place.key))
            .await
    }

    /// The same, also of a suite that is not accepted any more: enough to end an upload.
    async fn ongoing_of_any_suite(&self, call: &Call) -> Result<Ongoing, GatewayError> {
        self.verified(call, |place| place_of(&place.bucket, &place.key))
            .await
    }

    async fn verified(
        &self,
        call: &Call,
        context: impl Fn(&Place) -> Context,
    ) -> Result<Ongoing, GatewayError> {
        let place = self.place(call).await?;
        let id = call
            .request
            .query
            .filled("uploadId")
            .ok_or_else(no_upload)?;
        let parsed = UploadId::parse(id).map_err(|_| no_upload())?;
        let kek = self
            .keys
            .kek(&place.bucket.tenant, parsed.kek_id())
            .await
            .map_err(|error| match error {
                GatewayError::Keys(error) if error.kind() == kms_keys::KeyErrorKind::Missing => {
                    no_upload().into()
                }
                other => other,
            })?;
        let upload = parsed
            .verify(&kek, &context(&place))
            .map_err(|_| no_upload())?;
        Ok(Ongoing {
            place,
            upload,
            id: id.to_owned(),
            kek_id: parsed.kek_id(),
        })
    }
}

fn no_upload() -> S3Error {
    Code::NoSuchUpload.because("The specified multipart upload does not exist. The upload id may be invalid, or the upload may have been aborted or completed.")
}
