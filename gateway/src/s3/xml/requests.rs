//! The request documents that the gateway acts on: `DeleteObjects` and `CompleteMultipartUpload`.

use super::Element;
use crate::s3::code::{Code, S3Error};
use crate::s3::etag;
use crate::s3::names::ObjectKey;

/// `DeleteObjects`: at most 1 000 objects.
#[derive(Debug)]
pub struct DeleteRequest {
    /// What to delete, in order.
    pub objects: Vec<ObjectIdentifier>,
    /// Only failures are reported.
    pub quiet: bool,
}

/// One object of a `DeleteObjects` request.
#[derive(Debug)]
pub struct ObjectIdentifier {
    /// The key.
    pub key: ObjectKey,
    /// The version, if one is named.
    pub version: Option<String>,
    /// A condition on its `ETag`, as the client sees it.
    pub etag: Option<String>,
}

/// One `<Part>` of a `CompleteMultipartUpload` request.
#[derive(Debug)]
pub struct CompletedPart {
    /// 1 to 10 000.
    pub number: u16,
    /// The `ETag` the client was given for it, unquoted.
    pub etag: String,
    /// Checksums the client states for it: element name (`ChecksumCRC32` …) and base64 value.
    pub checksums: Vec<(String, String)>,
}

/// Reads a `DeleteObjects` document.
pub fn parse_delete(document: &[u8]) -> Result<DeleteRequest, S3Error> {
    let root = expect(document, "Delete")?;
    let objects: Vec<ObjectIdentifier> = root
        .all("Object")
        .map(object_identifier)
        .collect::<Result<_, _>>()?;
    if objects.is_empty() || objects.len() > MOST_OBJECTS {
        return Err(Code::MalformedXml.because(format!(
            "A Delete document names 1 to {MOST_OBJECTS} objects; this one names {}.",
            objects.len()
        )));
    }
    Ok(DeleteRequest {
        objects,
        quiet: root
            .child_text("Quiet")
            .is_some_and(|text| text.trim() == "true"),
    })
}

fn object_identifier(object: &Element) -> Result<ObjectIdentifier, S3Error> {
    if object.all("Key").count() != 1 {
        return Err(
            Code::MalformedXml.because("Each Object of a Delete document names exactly one Key.")
        );
    }
    if ["LastModifiedTime", "Size"]
        .iter()
        .any(|name| object.child(name).is_some())
    {
        return Err(Code::NotImplemented
            .because("Conditions on LastModifiedTime and Size are not offered; use ETag."));
    }
    let filled = |name| {
        object
            .child_text(name)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let key = object.child_text("Key").unwrap_or_default();
    Ok(ObjectIdentifier {
        key: ObjectKey::parse(key.as_bytes().to_vec())?,
        version: filled("VersionId"),
        etag: filled("ETag"),
    })
}

/// Reads a `CompleteMultipartUpload` document: ascending part numbers, no part twice.
pub fn parse_complete(document: &[u8]) -> Result<Vec<CompletedPart>, S3Error> {
    let root = expect(document, "CompleteMultipartUpload")?;
    let parts: Vec<CompletedPart> = root
        .all("Part")
        .map(completed_part)
        .collect::<Result<_, _>>()?;
    if parts.is_empty() {
        return Err(Code::MalformedXml
            .because("A CompleteMultipartUpload document lists at least one Part."));
    }
    if parts
        .iter()
        .zip(parts.iter().skip(1))
        .any(|(a, b)| a.number >= b.number)
    {
        return Err(Code::InvalidPartOrder
            .because("The parts must be listed in ascending order of PartNumber, each once."));
    }
    Ok(parts)
}

fn completed_part(part: &Element) -> Result<CompletedPart, S3Error> {
    let number = part
        .child_text("PartNumber")
        .and_then(|text| text.trim().parse().ok())
        .filter(|number| (1..=10_000).contains(number));
    let number = number.ok_or_else(|| {
        Code::InvalidArgument.because("A PartNumber is a whole number from 1 to 10000.")
    })?;
    let etag = part
        .child_text("ETag")
        .ok_or_else(|| Code::MalformedXml.because(format!("Part {number} has no ETag.")))?;
    let checksums = part
        .children
        .iter()
        .filter(|child| child.name.starts_with("Checksum"))
        .map(|child| (child.name.clone(), child.text.trim().to_owned()));
    Ok(CompletedPart {
        number,
        etag: etag::unquoted(etag).to_owned(),
        checksums: checksums.collect(),
    })
}

fn expect(document: &[u8], name: &str) -> Result<Element, S3Error> {
    let root = Element::parse(document)?;
    if root.name == name {
        Ok(root)
    } else {
        Err(Code::MalformedXml.because(format!(
            "A {name} document is needed here, not {}.",
            root.name
        )))
    }
}

/// S3's limit on one `DeleteObjects` request.
const MOST_OBJECTS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delete_documents() {
        let read = parse_delete(b"<Delete><Object><Key> a&amp;b</Key></Object><Object><Key>c</Key><VersionId>v1</VersionId></Object><Quiet>true</Quiet></Delete>").unwrap();
        assert!(read.quiet);
        assert_eq!(read.objects[0].key.as_str(), " a&b");
        assert_eq!(read.objects[1].version.as_deref(), Some("v1"));
        for bad in [
            "<Delete/>",
            "<Delete><Object/></Delete>",
            "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
            "<Other/>",
        ] {
            assert_eq!(
                parse_delete(bad.as_bytes()).unwrap_err().code,
                Code::MalformedXml,
                "{bad}"
            );
        }
        let many = format!(
            "<Delete>{}</Delete>",
            "<Object><Key>k</Key></Object>".repeat(1001)
        );
        assert!(parse_delete(many.as_bytes()).is_err());
    }

    #[test]
    fn complete_documents() {
        let part = |number: u32| {
            format!(
                "<Part><PartNumber>{number}</PartNumber><ETag>&quot;e{number}&quot;</ETag><ChecksumCRC32>AAAA</ChecksumCRC32></Part>"
            )
        };
        let document = |numbers: &[u32]| {
            format!(
                "<CompleteMultipartUpload>{}</CompleteMultipartUpload>",
                numbers
                    .iter()
                    .map(|&number| part(number))
                    .collect::<String>()
            )
        };
        let read = parse_complete(document(&[1, 3]).as_bytes()).unwrap();
        assert_eq!((read[1].number, read[1].etag.as_str()), (3, "e3"));
        assert_eq!(
            read[0].checksums,
            [("ChecksumCRC32".to_owned(), "AAAA".to_owned())]
        );
        assert_eq!(
            parse_complete(document(&[3, 1]).as_bytes())
                .unwrap_err()
                .code,
            Code::InvalidPartOrder
        );
        assert_eq!(
            parse_complete(document(&[1, 1]).as_bytes())
                .unwrap_err()
                .code,
            Code::InvalidPartOrder
        );
        assert_eq!(
            parse_complete(document(&[0]).as_bytes()).unwrap_err().code,
            Code::InvalidArgument
        );
        assert_eq!(
            parse_complete(document(&[]).as_bytes()).unwrap_err().code,
            Code::MalformedXml
        );
    }
}
