//! The streaming rewriter of listings: sizes and `ETags` become the client's, bucket and owner names the
//! gateway's; every other byte of the store's answer passes as it is. Pure, bounded memory.
//!
//! It works on tags, not on a tree: the text of a few named elements is gathered until the next tag and
//! replaced, everything else is copied. XML cannot hold a `<` in text other than as a tag (CDATA, which
//! S3 does not use in listings, is copied untouched), so this is exact.

use super::{Element, escape_into};
use crate::s3::etag;

/// Rewrites `ListBucketResult` and `ListVersionsResult` documents.
#[derive(Debug)]
pub struct ListingRewriter {
    plain_size: fn(u64) -> Option<u64>,
    bucket: String,
    owner: String,
    /// Bytes not yet decided on: an unfinished tag, or the text of a rewritten element.
    pending: Vec<u8>,
    /// The element whose text is gathered in `pending`.
    inside: Option<Field>,
    /// Inside an element that is left out.
    skipping: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Size,
    ETag,
    Bucket,
    Owner,
    Dropped,
}

impl ListingRewriter {
    /// `plain_size` maps a stored size to the plaintext's, or `None` where nothing sealed has that size
    /// (the stored size then stands). `bucket` is the logical name, `owner` the tenant.
    pub fn new(bucket: &str, owner: &str, plain_size: fn(u64) -> Option<u64>) -> Self {
        Self {
            plain_size,
            bucket: bucket.to_owned(),
            owner: owner.to_owned(),
            pending: Vec::new(),
            inside: None,
            skipping: false,
        }
    }

    /// Takes the next piece of the store's document, appends to `out` what is decided.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.pending.extend_from_slice(piece);
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while let Some((text, tag, after)) = next_tag(rest) {
            self.text(text, out);
            self.tag(tag, out);
            rest = after;
        }
        // Text outside rewritten elements need not wait for its end.
        if self.inside.is_none() {
            let decided = rest
                .iter()
                .position(|&byte| byte == b'<')
                .unwrap_or(rest.len());
            let (text, undecided) = rest.split_at(decided);
            self.text(text, out);
            rest = undecided;
        }
        if rest.len() > LONGEST_PENDING {
            // No store writes such a tag or size: it passes as it is, and memory stays bounded.
            out.extend_from_slice(rest);
            rest = &[];
        }
        self.pending = rest.to_vec();
    }

    /// The end of the document; what is left is copied.
    pub fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.pending);
    }

    fn text(&self, text: &[u8], out: &mut Vec<u8>) {
        match self.inside {
            None => out.extend_from_slice(text),
            Some(field) => out.extend_from_slice(self.replaced(field, text).as_bytes()),
        }
    }

    fn replaced(&self, field: Field, text: &[u8]) -> String {
        let text = unescaped(text);
        let new = match field {
            Field::Size => match text.trim().parse().ok().and_then(self.plain_size) {
                Some(size) => size.to_string(),
                None => text,
            },
            Field::ETag => format!("\"{}\"", etag::shown(etag::unquoted(&text))),
            Field::Bucket => self.bucket.clone(),
            Field::Owner => self.owner.clone(),
            Field::Dropped => String::new(),
        };
        let mut escaped = String::with_capacity(new.len());
        escape_into(&mut escaped, &new);
        escaped
    }

    fn tag(&mut self, tag: &[u8], out: &mut Vec<u8>) {
        let field = field_of(tag);
        let begins = !tag.starts_with(b"</") && !tag.ends_with(b"/>");
        let dropped = self.skipping || field == Some(Field::Dropped);
        self.skipping = field == Some(Field::Dropped) && begins;
        self.inside = field.filter(|_| begins);
        if !dropped {
            out.extend_from_slice(tag);
        }
    }
}

/// Splits off the text before the next complete tag, and the tag.
fn next_tag(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let start = bytes.iter().position(|&byte| byte == b'<')?;
    let (text, from_tag) = bytes.split_at(start);
    let end = from_tag.iter().position(|&byte| byte == b'>')?;
    let (tag, after) = from_tag.split_at(end.checked_add(1)?);
    Some((text, tag, after))
}

fn field_of(tag: &[u8]) -> Option<Field> {
    let name = tag.strip_prefix(b"</").or_else(|| tag.strip_prefix(b"<"))?;
    let end = name
        .iter()
        .position(|byte| matches!(byte, b'>' | b' ' | b'/'))?;
    Some(match name.split_at(end).0 {
        b"Size" => Field::Size,
        b"ETag" => Field::ETag,
        b"Name" => Field::Bucket,
        b"ID" | b"DisplayName" => Field::Owner,
        // The store's checksums are of sealed bytes.
        b"ChecksumAlgorithm" | b"ChecksumType" => Field::Dropped,
        _ => return None,
    })
}

fn unescaped(text: &[u8]) -> String {
    let wrapped = [b"<t>", text, b"</t>"].concat();
    Element::parse(&wrapped).map_or_else(
        |_| String::from_utf8_lossy(text).into_owned(),
        |element| element.text,
    )
}

/// More than any tag, size, ETag or name takes.
const LONGEST_PENDING: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STORE: &str = "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"u\"><Name>up-b</Name><Prefix>a&lt;Size></Prefix><Contents><Key>k&amp;&quot;</Key><Size>541</Size><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm><Owner><ID>9</ID><DisplayName>them</DisplayName></Owner><StorageClass/></Contents><Contents><Key>other</Key><Size>7</Size><ETag>\"x-2\"</ETag></Contents></ListBucketResult>";
    const CLIENT: &str = "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"u\"><Name>docs</Name><Prefix>a&lt;Size></Prefix><Contents><Key>k&amp;&quot;</Key><Size>1</Size><ETag>\"d41d8cd98f00b204e9800998ecf8427e-1\"</ETag><Owner><ID>demo</ID><DisplayName>demo</DisplayName></Owner><StorageClass/></Contents><Contents><Key>other</Key><Size>7</Size><ETag>\"x-2\"</ETag></Contents></ListBucketResult>";

    fn rewriter() -> ListingRewriter {
        ListingRewriter::new("docs", "demo", |stored| (stored == 541).then_some(1))
    }

    #[test]
    fn an_element_left_out_takes_nothing_with_it() {
        for dropped in [
            "<ChecksumType/>",
            "<ChecksumType></ChecksumType>",
            "<ChecksumType>FULL_OBJECT</ChecksumType>",
        ] {
            let mut out = Vec::new();
            let mut rewriter = rewriter();
            rewriter.push(
                format!("<Contents>{dropped}<Owner><ID/></Owner></Contents>").as_bytes(),
                &mut out,
            );
            rewriter.finish(&mut out);
            assert_eq!(
                String::from_utf8(out).unwrap(),
                "<Contents><Owner><ID/></Owner></Contents>",
                "{dropped}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_answer_does_not_depend_on_where_pieces_break(cuts in prop::collection::vec(0..STORE.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let (mut rewriter, mut out, mut from) = (rewriter(), Vec::new(), 0);
            for cut in cuts.into_iter().chain([STORE.len()]) {
                rewriter.push(&STORE.as_bytes()[from..cut], &mut out);
                from = cut;
            }
            rewriter.finish(&mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), CLIENT);
        }
    }
}
