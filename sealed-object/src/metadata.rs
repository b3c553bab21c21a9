//! The metadata that is sealed beside the header, and its one CBOR encoding. Knows no keys.

use ciborium::Value;

use crate::error::{Error, Result};

/// What a client said about its object. Values are bytes as they were received; names are lower case.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `x-amz-meta-*`, names without that prefix. Sealing sorts by name.
    pub user: Vec<(String, Vec<u8>)>,
    /// `Content-Type`.
    pub content_type: Option<Vec<u8>>,
    /// `Content-Encoding`.
    pub content_encoding: Option<Vec<u8>>,
    /// `Content-Disposition`.
    pub content_disposition: Option<Vec<u8>>,
    /// `Content-Language`.
    pub content_language: Option<Vec<u8>>,
    /// `Cache-Control`.
    pub cache_control: Option<Vec<u8>>,
    /// `Expires`.
    pub expires: Option<Vec<u8>>,
    /// Further facts the gateway keeps sealed, such as a multipart upload's checksum algorithm. Sorted like `user`.
    pub extra: Vec<(String, Vec<u8>)>,
}

impl Metadata {
    /// Whether there is nothing to seal.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The deterministic CBOR map.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let entries = [
            pairs(&self.user),
            text(self.content_type.as_ref()),
            text(self.content_encoding.as_ref()),
            text(self.content_disposition.as_ref()),
            text(self.content_language.as_ref()),
            text(self.cache_control.as_ref()),
            text(self.expires.as_ref()),
            pairs(&self.extra),
        ];
        let map = (0_u8..)
            .zip(entries)
            .filter_map(|(key, value)| Some((Value::from(key), value?)))
            .collect();
        let mut out = Vec::new();
        ciborium::into_writer(&Value::Map(map), &mut out).map_err(|_| Error::MetadataTooLarge)?;
        Ok(out)
    }

    /// Reads the map back. There is one encoding of any metadata, and it alone is accepted.
    pub(crate) fn decode(raw: &[u8]) -> Result<Self> {
        let value = ciborium::from_reader(raw).map_err(|_| Error::Context)?;
        let metadata = Self::from_value(value).ok_or(Error::Context)?;
        if metadata.encode()? == raw {
            Ok(metadata)
        } else {
            Err(Error::Context)
        }
    }

    fn from_value(value: Value) -> Option<Self> {
        let mut metadata = Self::default();
        for (key, value) in value.into_map().ok()? {
            match u8::try_from(key.as_integer()?).ok()? {
                0 => metadata.user = read_pairs(value)?,
                1 => metadata.content_type = Some(value.into_bytes().ok()?),
                2 => metadata.content_encoding = Some(value.into_bytes().ok()?),
                3 => metadata.content_disposition = Some(value.into_bytes().ok()?),
                4 => metadata.content_language = Some(value.into_bytes().ok()?),
                5 => metadata.cache_control = Some(value.into_bytes().ok()?),
                6 => metadata.expires = Some(value.into_bytes().ok()?),
                7 => metadata.extra = read_pairs(value)?,
                _ => return None,
            }
        }
        Some(metadata)
    }
}

/// Counts only: values are a client's plaintext.
impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metadata")
            .field("user", &self.user.len())
            .field("extra", &self.extra.len())
            .finish_non_exhaustive()
    }
}

fn text(value: Option<&Vec<u8>>) -> Option<Value> {
    value.cloned().map(Value::Bytes)
}

fn pairs(list: &[(String, Vec<u8>)]) -> Option<Value> {
    let mut sorted: Vec<_> = list.iter().collect();
    // Stable, so that a name given twice keeps its order.
    sorted.sort_by(|left, right| left.0.cmp(&right.0));
    let flat = sorted
        .into_iter()
        .flat_map(|(name, value)| [Value::Text(name.clone()), Value::Bytes(value.clone())]);
    (!list.is_empty()).then(|| Value::Array(flat.collect()))
}

fn read_pairs(value: Value) -> Option<Vec<(String, Vec<u8>)>> {
    let mut list = Vec::new();
    let mut items = value.into_array().ok()?.into_iter();
    while let Some(name) = items.next() {
        list.push((name.into_text().ok()?, items.next()?.into_bytes().ok()?));
    }
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f13_only_the_deterministic_encoding_is_read() {
        // {1: h'61', 5: h''}
        let good = [0xA2, 0x01, 0x41, 0x61, 0x05, 0x40];
        let read = Metadata::decode(&good).unwrap();
        assert_eq!(read.content_type.as_deref(), Some(&b"a"[..]));
        assert_eq!(read.cache_control.as_deref(), Some(&b""[..]));
        let refused: [&[u8]; 9] = [
            &[],
            &[0xA0, 0x00],                               // something behind the map
            &[0xA2, 0x05, 0x40, 0x01, 0x41, 0x61],       // keys out of order
            &[0xA2, 0x01, 0x41, 0x61, 0x01, 0x41, 0x61], // a key twice
            &[0xA1, 0x18, 0x01, 0x41, 0x61],             // a key in two bytes
            &[0xBF, 0x01, 0x41, 0x61, 0xFF],             // indefinite length
            &[0xA1, 0x01, 0x61, 0x61],                   // text where bytes belong
            &[0xA1, 0x08, 0x40],                         // an unknown key
            &[0xA1, 0x00, 0x81, 0x61, 0x61],             // a name without its value
        ];
        for raw in refused {
            assert_eq!(
                Metadata::decode(raw).err(),
                Some(Error::Context),
                "{raw:02x?}"
            );
        }
    }

    #[test]
    fn f13_names_must_be_sorted_and_no_list_is_empty() {
        // {0: ["b", h'', "a", h'']} and {0: []}
        let unsorted = [0xA1, 0x00, 0x84, 0x61, b'b', 0x40, 0x61, b'a', 0x40];
        assert_eq!(Metadata::decode(&unsorted).err(), Some(Error::Context));
        assert_eq!(
            Metadata::decode(&[0xA1, 0x00, 0x80]).err(),
            Some(Error::Context)
        );
        let nested = vec![0x81; 100_000];
        assert_eq!(
            Metadata::decode(&nested).err(),
            Some(Error::Context),
            "depth is bounded"
        );
    }
}
