//! Which checksum an answer shows. What a client declared is kept sealed and shown; where it declared none,
//! the CRC64NVME that sealing takes of every object, which Amazon S3 takes then as well.

use http::HeaderMap;
use sealed_object::{ClientChecksum, Facts, TrailerFacts};

use super::store_headers::set;
use crate::checksum::{Algorithm, ObjectChecksum, Value};
use crate::s3::xml::Writer;

/// The checksum of a whole object, by what its trailer keeps.
pub(super) fn of_object(kept: &TrailerFacts) -> Option<ObjectChecksum> {
    let Some(declared) = &kept.client_checksum else {
        return kept
            .crc64
            .map(|crc| ObjectChecksum::full(Value::of_crc64(crc)));
    };
    let value = value_of(declared)?;
    Some(match kept.composite_parts {
        0 => ObjectChecksum::full(value),
        parts => ObjectChecksum::composite(value, parts),
    })
}

/// The checksum of the part at this place of an object, the first being 0; `None` where the object's size left
/// no room to keep it.
pub(super) fn of_part(kept: &TrailerFacts, place: usize) -> Option<Value> {
    value_of(&kept.part_checksums.as_ref()?.get(place)?)
}

/// The checksum of an upload or part that was just verified.
pub(super) fn of_upload(facts: &Facts, crc: u64) -> ObjectChecksum {
    let declared = facts.client_checksum.as_ref().and_then(value_of);
    ObjectChecksum::full(declared.unwrap_or_else(|| Value::of_crc64(crc)))
}

/// A kept checksum, if it is of an algorithm that is known here.
pub(super) fn value_of(kept: &ClientChecksum) -> Option<Value> {
    Value::new(Algorithm::from_id(kept.algorithm())?, kept.value().to_vec())
}

/// Says the checksum in an answer's headers.
pub(super) fn say(checksum: &ObjectChecksum, headers: &mut HeaderMap) {
    let name = checksum.value().algorithm().header_name();
    set(headers, name, &checksum.to_string());
    set(headers, "x-amz-checksum-type", checksum.kind().name());
}

/// Says the checksum of a part, of which S3 does not say the type where it is uploaded.
pub(super) fn say_of_part(value: &Value, headers: &mut HeaderMap) {
    set(headers, value.algorithm().header_name(), &value.to_string());
}

/// Says the checksum in a document.
pub(super) fn write(checksum: &ObjectChecksum, element: &mut Writer) {
    let name = checksum.value().algorithm().element_name();
    element
        .text(name, checksum.to_string())
        .text("ChecksumType", checksum.kind().name());
}
