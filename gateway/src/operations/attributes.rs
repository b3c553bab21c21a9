//! `GetObjectAttributes`, told from what the object keeps sealed: the store knows no plaintext.

use http::{HeaderMap, Response};
use sealed_object::Kind;

use super::layouts::Known;
use super::read::{RACES, Source, Wanted, replaced_too_fast};
use super::store_headers::{set, shown_etag};
use super::{Answered, Call, Operations, checksums, document};
use crate::body::Answer;
use crate::s3::xml::Writer;
use crate::s3::{Code, S3Error, S3Request};
use crate::trail::Facts;

/// An attribute of an object, by its name in the service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attribute {
    ETag,
    Checksum,
    ObjectParts,
    StorageClass,
    ObjectSize,
}

/// Which of the parts are told.
#[derive(Debug, Clone, Copy)]
struct Page {
    after: u32,
    most: u32,
}

impl Operations {
    pub(super) async fn get_object_attributes(&self, call: &Call) -> Answered {
        let attributes = Attribute::all_of(&call.request)?;
        let asks = |attribute| attributes.contains(&attribute);
        let page = Page::of(&call.request)?;
        let place = self.place(call).await?;
        let source = Source {
            place: &place,
            version: call.request.version(),
            conditions: HeaderMap::new(),
        };
        let wanted = if asks(Attribute::Checksum) || asks(Attribute::ObjectParts) {
            Wanted::Ending
        } else {
            Wanted::Layout
        };
        for _ in 0..RACES {
            let (store, opened, size) = self.head(&source).await?;
            let known = match wanted {
                Wanted::Layout => None,
                Wanted::Ending => match self.known(&source, &opened, &store, wanted).await? {
                    Some(known) => Some(known),
                    None => continue,
                },
            };
            let in_parts = opened.header().kind() == Kind::Multipart;
            let mut writer = Writer::new("GetObjectAttributesResponse");
            if asks(Attribute::ETag) {
                writer.maybe("ETag", shown_etag(&store));
            }
            if let Some(known) = known.as_deref() {
                let page = in_parts.then_some(page);
                write_known(known, &attributes, page, &mut writer);
            }
            if asks(Attribute::StorageClass) {
                let class = store.get("x-amz-storage-class");
                let class = class.and_then(|class| class.to_str().ok());
                writer.text("StorageClass", class.unwrap_or("STANDARD"));
            }
            if asks(Attribute::ObjectSize) {
                writer.text("ObjectSize", size.to_string());
            }
            let mut response = document(writer.finish());
            tell_version(&store, &mut response);
            let header = opened.header();
            let facts = Facts::read(header.object_id(), &store, None);
            let facts = facts.under(header.kek_id(), header.suite());
            response.extensions_mut().insert(facts);
            return Ok(response);
        }
        Err(replaced_too_fast())
    }
}

/// What the end of the object tells: its checksum, and its parts where it was uploaded in parts.
fn write_known(known: &Known, attributes: &[Attribute], page: Option<Page>, writer: &mut Writer) {
    let ending = known.ending.as_ref();
    let checksum = ending.and_then(|ending| checksums::of_object(&ending.facts));
    if let Some(checksum) = checksum.filter(|_| attributes.contains(&Attribute::Checksum)) {
        writer.within("Checksum", |element| checksums::write(&checksum, element));
    }
    if let Some(page) = page.filter(|_| attributes.contains(&Attribute::ObjectParts)) {
        writer.within("ObjectParts", |element| page.write(known, element));
    }
}

fn tell_version(store: &HeaderMap, response: &mut Response<Answer>) {
    for name in ["last-modified", "x-amz-version-id"] {
        if let Some(value) = store.get(name).and_then(|value| value.to_str().ok()) {
            set(response.headers_mut(), name, value);
        }
    }
}

impl Attribute {
    /// Reads `x-amz-object-attributes`: names with commas between them, in one header or several.
    fn all_of(request: &S3Request) -> Result<Vec<Self>, S3Error> {
        let mut attributes = Vec::new();
        for value in request.headers.get_all("x-amz-object-attributes") {
            for name in value.to_str().unwrap_or("?").split(',').map(str::trim) {
                attributes.push(match name {
                    "" => continue,
                    "ETag" => Self::ETag,
                    "Checksum" => Self::Checksum,
                    "ObjectParts" => Self::ObjectParts,
                    "StorageClass" => Self::StorageClass,
                    "ObjectSize" => Self::ObjectSize,
                    other => {
                        return Err(Code::InvalidArgument
                            .because("Invalid attribute name specified.")
                            .with("ArgumentName", "x-amz-object-attributes")
                            .with("ArgumentValue", other));
                    }
                });
            }
        }
        if attributes.is_empty() {
            return Err(Code::InvalidRequest.because("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty."));
        }
        Ok(attributes)
    }
}

impl Page {
    /// Reads `x-amz-part-number-marker` and `x-amz-max-parts`.
    fn of(request: &S3Request) -> Result<Self, S3Error> {
        let number = |name: &'static str| {
            let Some(text) = request.text(name)? else {
                return Ok(None);
            };
            text.parse().map(Some).map_err(|_| {
                Code::InvalidArgument
                    .because(format!("The header {name} must be a whole number from 0."))
                    .with("ArgumentName", name)
                    .with("ArgumentValue", text)
            })
        };
        Ok(Self {
            after: number("x-amz-part-number-marker")?.unwrap_or(0),
            most: number("x-amz-max-parts")?
                .unwrap_or(LARGEST_PAGE)
                .min(LARGEST_PAGE),
        })
    }

    fn write(self, known: &Known, element: &mut Writer) {
        let parts: Vec<_> = known
            .layout
            .numbered()
            .enumerate()
            .filter(|(_, (number, _))| u32::from(*number) > self.after)
            .collect();
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        let truncated = parts.len() > most;
        let told = parts.get(..most).unwrap_or(&parts);
        let next = told
            .last()
            .map_or(self.after, |(_, (number, _))| u32::from(*number));
        element
            .text("PartsCount", known.layout.parts().to_string())
            .text("PartNumberMarker", self.after.to_string())
            .text("NextPartNumberMarker", next.to_string())
            .text("MaxParts", self.most.to_string())
            .text("IsTruncated", truncated.to_string());
        for (index, (number, plain)) in told {
            let checksum = known.ending.as_ref();
            let checksum = checksum.and_then(|ending| checksums::of_part(&ending.facts, *index));
            element.within("Part", |part| {
                part.text("PartNumber", number.to_string());
                if let Some(value) = checksum {
                    part.text(value.algorithm().element_name(), value.to_string());
                }
                part.text("Size", plain.0.to_string());
            });
        }
    }
}

const LARGEST_PAGE: u32 = 1000;
