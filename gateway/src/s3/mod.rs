//! S3's meaning of an HTTP request, and S3's forms of an answer. Pure: no IO, no keys, no cryptography.

pub mod code;
pub mod compatibility;
pub mod cors;
pub mod etag;
pub mod form;
pub mod headers;
pub mod names;
pub mod operation;
mod purpose;
pub mod query;
pub mod range;
mod reads;
pub mod request;
pub mod tags;
pub mod xml;

pub use code::{Code, S3Error};
pub(crate) use headers::LOCK_MODES;
pub use names::{BucketName, ObjectKey};
pub use operation::{Class, Operation, Target};
pub(crate) use purpose::purpose_of;
pub use request::{Addressing, RequestId, S3Request};
