//! Documents of clients: what the gateway acts on is what any other reader of its own rewriting finds. It must not
//! know XML's syntax.

use gateway::s3::xml::{Element, Writer, parse_complete, parse_delete};

use crate::Outcome;

/// An element that is read is read again from its rewriting, and that is its rewriting.
pub fn element(data: &[u8]) -> Outcome {
    let Ok(root) = Element::parse(data) else {
        return Outcome::Refused;
    };
    let rewritten = root.rewritten();
    let again = Element::parse(rewritten.as_bytes()).expect("what is written can be read");
    assert_eq!(again, without_mixed_text(&root));
    assert_eq!(again.rewritten(), rewritten);
    Outcome::Accepted
}

/// A `Delete` document names the objects that stand in it, also when it is written anew.
pub fn delete(data: &[u8]) -> Outcome {
    let Ok(request) = parse_delete(data) else {
        return Outcome::Refused;
    };
    assert!((1..=1000).contains(&request.objects.len()));
    let root = Element::parse(data).expect("it was read already");
    for (element, object) in root.all("Object").zip(&request.objects) {
        let stands = |name| element.child_text(name).filter(|text| !text.is_empty());
        assert_eq!(stands("Key"), Some(object.key.as_str()));
        assert_eq!(stands("VersionId"), object.version.as_deref());
        assert_eq!(stands("ETag"), object.etag.as_deref());
    }
    let mut writer = Writer::new("Delete");
    for object in &request.objects {
        writer.within("Object", |writer| {
            writer
                .text("Key", object.key.as_str())
                .maybe("VersionId", object.version.as_ref())
                .maybe("ETag", object.etag.as_ref());
        });
    }
    writer.text("Quiet", request.quiet.to_string());
    let again = parse_delete(writer.finish().as_bytes()).expect("what is written can be read");
    assert_eq!(again.quiet, request.quiet);
    assert_eq!(again.objects.len(), request.objects.len());
    for (one, other) in again.objects.iter().zip(&request.objects) {
        assert_eq!(
            (&one.key, &one.version, &one.etag),
            (&other.key, &other.version, &other.etag)
        );
    }
    Outcome::Accepted
}

/// A `CompleteMultipartUpload` document lists the same parts when it is written anew, in ascending order.
pub fn complete(data: &[u8]) -> Outcome {
    let Ok(parts) = parse_complete(data) else {
        return Outcome::Refused;
    };
    let root = Element::parse(data).expect("it was read already");
    for (element, part) in root.all("Part").zip(&parts) {
        let number = element.child_text("PartNumber").map(str::trim);
        assert_eq!(number.map(str::parse), Some(Ok(part.number)));
        assert!(
            element
                .child_text("ETag")
                .is_some_and(|etag| etag.contains(&part.etag))
        );
    }
    assert!(parts.is_sorted_by(|left, right| left.number < right.number));
    assert!(parts.iter().all(|part| (1..=10_000).contains(&part.number)));
    let mut writer = Writer::new("CompleteMultipartUpload");
    for part in &parts {
        writer.within("Part", |writer| {
            writer
                .text("PartNumber", part.number.to_string())
                .text("ETag", format!("\"{}\"", part.etag));
            for (name, value) in &part.checksums {
                writer.text(name, value);
            }
        });
    }
    let again = parse_complete(writer.finish().as_bytes()).expect("what is written can be read");
    assert_eq!(again.len(), parts.len());
    for (one, other) in again.iter().zip(&parts) {
        assert_eq!(
            (one.number, &one.etag, &one.checksums),
            (other.number, &other.etag, &other.checksums)
        );
    }
    Outcome::Accepted
}

/// S3 has no text beside elements, so none is written.
fn without_mixed_text(element: &Element) -> Element {
    Element {
        name: element.name.clone(),
        text: if element.children.is_empty() {
            element.text.clone()
        } else {
            String::new()
        },
        children: element.children.iter().map(without_mixed_text).collect(),
    }
}
