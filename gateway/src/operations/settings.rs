//! Settings of a bucket that the gateway keeps itself. In the store the public access block and the ownership
//! of objects would weaken what guards the upstream bucket; here they open nothing, since nothing is public
//! and every writer is of the owning tenant. A bucket's tags are the tenant's words about its bucket.

use http::StatusCode;

use super::{Answered, Call, Operations, document, empty};
use crate::body::Upload;
use crate::buckets::{Bucket, Setting};
use crate::error::GatewayError;
use crate::s3::xml::{Element, Writer};
use crate::s3::{Code, Operation, S3Error, tags};

impl Operations {
    pub(super) async fn get_setting(&self, call: &Call) -> Answered {
        let bucket = self.bucket(call).await?;
        let kind = Kind::of(call.request.operation);
        let found = match self.buckets.setting(&bucket, kind.name()).await? {
            Setting::Document(text) => Some(text),
            Setting::Untouched => kind.initial(),
            Setting::Removed => None,
        };
        Ok(document(found.ok_or_else(|| kind.missing())?))
    }

    pub(super) async fn put_setting(&self, call: &Call, incoming: Upload) -> Answered {
        let bucket = self.bucket(call).await?;
        let kind = Kind::of(call.request.operation);
        let sent = Element::parse(&call.optional_document(incoming).await?)?;
        let text = kind.checked(&sent)?;
        self.buckets
            .set_setting(&bucket, kind.name(), Some(text))
            .await?;
        Ok(empty(match kind {
            Kind::Tags => StatusCode::NO_CONTENT,
            Kind::PublicAccessBlock | Kind::Ownership => StatusCode::OK,
        }))
    }

    pub(super) async fn delete_setting(&self, call: &Call) -> Answered {
        let bucket = self.bucket(call).await?;
        let kind = Kind::of(call.request.operation);
        self.buckets.set_setting(&bucket, kind.name(), None).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// Whether somebody has set this bucket's public access block to refuse public access lists.
    pub(super) async fn blocks_public_lists(&self, bucket: &Bucket) -> Result<bool, GatewayError> {
        let name = Kind::PublicAccessBlock.name();
        let Setting::Document(text) = self.buckets.setting(bucket, name).await? else {
            return Ok(false);
        };
        let block = Element::parse(text.as_bytes())?;
        Ok(block.child_text("BlockPublicAcls") == Some("true"))
    }

    /// Keeps the ownership that a bucket is made with.
    pub(super) async fn keep_ownership(
        &self,
        call: &Call,
        bucket: &Bucket,
    ) -> Result<(), GatewayError> {
        if let Some(ownership) = call.request.text("x-amz-object-ownership")? {
            let text = ownership_controls(checked_ownership(ownership)?);
            let name = Kind::Ownership.name();
            self.buckets.set_setting(bucket, name, Some(text)).await?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    PublicAccessBlock,
    Ownership,
    Tags,
}

impl Kind {
    fn of(operation: Operation) -> Self {
        match operation {
            Operation::GetBucketOwnershipControls
            | Operation::PutBucketOwnershipControls
            | Operation::DeleteBucketOwnershipControls => Self::Ownership,
            Operation::GetBucketTagging
            | Operation::PutBucketTagging
            | Operation::DeleteBucketTagging => Self::Tags,
            _ => Self::PublicAccessBlock,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::PublicAccessBlock => "public-access-block",
            Self::Ownership => "ownership-controls",
            Self::Tags => "tags",
        }
    }

    /// What S3 gives a new bucket, and what is true here.
    fn initial(self) -> Option<String> {
        match self {
            Self::PublicAccessBlock => Some(public_access_block(|_| true)),
            Self::Ownership => Some(ownership_controls(OWNERSHIPS[0])),
            Self::Tags => None,
        }
    }

    fn missing(self) -> S3Error {
        match self {
            Self::PublicAccessBlock => Code::NoSuchPublicAccessBlockConfiguration
                .because("The public access block configuration was not found."),
            Self::Ownership => Code::OwnershipControlsNotFound
                .because("The bucket ownership controls were not found."),
            Self::Tags => Code::NoSuchTagSet.because("The bucket has no tags."),
        }
    }

    /// The document to keep, written from what was read.
    fn checked(self, sent: &Element) -> Result<String, S3Error> {
        match self {
            Self::PublicAccessBlock => checked_block(sent),
            Self::Tags => checked_tags(sent),
            Self::Ownership => {
                let rule = sent
                    .child("Rule")
                    .filter(|_| sent.name == "OwnershipControls");
                let ownership = rule.and_then(|rule| rule.child_text("ObjectOwnership"));
                let ownership = ownership.ok_or_else(|| {
                    Code::MalformedXml.because(
                        "OwnershipControls with one Rule and its ObjectOwnership are needed here.",
                    )
                })?;
                checked_ownership(ownership).map(ownership_controls)
            }
        }
    }
}

fn checked_block(sent: &Element) -> Result<String, S3Error> {
    let is_known = |child: &Element| {
        BLOCKS.contains(&child.name.as_str()) && ["true", "false"].contains(&child.text.trim())
    };
    if sent.name != "PublicAccessBlockConfiguration" || !sent.children.iter().all(is_known) {
        return Err(Code::MalformedXml.because(
            "A PublicAccessBlockConfiguration with true or false for each of its settings is needed here.",
        ));
    }
    Ok(public_access_block(|name| {
        sent.child_text(name).map(str::trim) == Some("true")
    }))
}

fn checked_tags(sent: &Element) -> Result<String, S3Error> {
    if sent.name != "Tagging" || sent.child("TagSet").is_none() {
        return Err(Code::MalformedXml.because("A Tagging document with a TagSet is needed here."));
    }
    let tags = tags::of_document(sent);
    tags::check(&tags, tags::OF_BUCKET)?;
    let mut writer = Writer::new("Tagging");
    writer.within("TagSet", |set| {
        for (name, value) in &tags {
            set.within("Tag", |tag| {
                tag.text("Key", name).text("Value", value);
            });
        }
    });
    Ok(writer.finish())
}

fn checked_ownership(ownership: &str) -> Result<&'static str, S3Error> {
    let known = OWNERSHIPS.iter().find(|known| **known == ownership);
    known.copied().ok_or_else(|| {
        Code::InvalidArgument
            .because(
                "ObjectOwnership is BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter.",
            )
            .with("ArgumentName", "ObjectOwnership")
    })
}

fn public_access_block(is_set: impl Fn(&str) -> bool) -> String {
    let mut writer = Writer::new("PublicAccessBlockConfiguration");
    for name in BLOCKS {
        writer.text(name, is_set(name).to_string());
    }
    writer.finish()
}

fn ownership_controls(ownership: &str) -> String {
    let mut writer = Writer::new("OwnershipControls");
    writer.within("Rule", |rule| {
        rule.text("ObjectOwnership", ownership);
    });
    writer.finish()
}

const BLOCKS: [&str; 4] = [
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
];

/// The first is the one of a new bucket.
const OWNERSHIPS: [&str; 3] = [
    "BucketOwnerEnforced",
    "BucketOwnerPreferred",
    "ObjectWriter",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(kind: Kind, text: &str) -> Result<String, Code> {
        kind.checked(&Element::parse(text.as_bytes()).unwrap())
            .map_err(|error| error.code)
    }

    #[test]
    fn what_is_kept_is_written_from_what_was_read() {
        let kept = checked(
            Kind::PublicAccessBlock,
            "<PublicAccessBlockConfiguration><IgnorePublicAcls> true </IgnorePublicAcls></PublicAccessBlockConfiguration>",
        );
        let kept = Element::parse(kept.unwrap().as_bytes()).unwrap();
        assert_eq!(kept.child_text("IgnorePublicAcls"), Some("true"));
        assert_eq!(kept.child_text("BlockPublicAcls"), Some("false"));
        for kind in [Kind::PublicAccessBlock, Kind::Ownership] {
            let initial = kind.initial().unwrap();
            assert_eq!(checked(kind, &initial), Ok(initial));
        }
    }

    #[test]
    fn tags_are_kept_in_their_order() {
        let document = "<Tagging><TagSet><Tag><Key>b</Key><Value>1</Value></Tag><Tag><Key>a</Key></Tag></TagSet></Tagging>";
        let kept = checked(Kind::Tags, document).unwrap();
        let kept = tags::of_document(&Element::parse(kept.as_bytes()).unwrap());
        let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(kept, [tag("b", "1"), tag("a", "")]);
        let twice = document.replace(">a<", ">b<");
        assert_eq!(checked(Kind::Tags, &twice), Err(Code::InvalidTag));
    }

    #[test]
    fn anything_else_is_refused() {
        for (kind, text) in [
            (
                Kind::PublicAccessBlock,
                "<PublicAccessBlockConfiguration><Other>true</Other></PublicAccessBlockConfiguration>",
            ),
            (
                Kind::PublicAccessBlock,
                "<PublicAccessBlockConfiguration><BlockPublicAcls>yes</BlockPublicAcls></PublicAccessBlockConfiguration>",
            ),
            (Kind::PublicAccessBlock, "<OwnershipControls/>"),
            (Kind::Ownership, "<OwnershipControls/>"),
            (
                Kind::Ownership,
                "<Other><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></Other>",
            ),
        ] {
            assert_eq!(checked(kind, text), Err(Code::MalformedXml), "{text}");
        }
        assert_eq!(
            checked(
                Kind::Ownership,
                "<OwnershipControls><Rule><ObjectOwnership>Mine</ObjectOwnership></Rule></OwnershipControls>"
            ),
            Err(Code::InvalidArgument)
        );
    }
}
