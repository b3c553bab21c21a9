//! docs/s3-compatibility.md, printed from the registry of operations.

use std::fmt::Write as _;

use super::operation::{Class, REGISTRY, Row};

/// The page. A test fails when the file in docs/ differs from it.
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (class, title, meaning) in CLASSES {
        let rows: Vec<&Row> = REGISTRY
            .iter()
            .filter(|row| row.class == *class && row.needs != ["!"])
            .collect();
        let _ = writeln!(page, "\n## {title} ({})\n\n{meaning}\n", rows.len());
        let _ = writeln!(
            page,
            "| operation | route |{}",
            if *class == Class::Refuse {
                " why |"
            } else {
                ""
            }
        );
        let _ = writeln!(
            page,
            "|---|---|{}",
            if *class == Class::Refuse { "---|" } else { "" }
        );
        for row in rows {
            let why = if *class == Class::Refuse {
                format!(" {} |", row.operation.why_refused())
            } else {
                String::new()
            };
            let _ = writeln!(page, "| {} | `{}` |{why}", row.operation, route(row));
        }
    }
    let dormant: Vec<String> = REGISTRY
        .iter()
        .filter(|row| row.needs == ["!"])
        .map(|row| row.operation.to_string())
        .collect();
    let _ = writeln!(
        page,
        "\n## Never recognised\n\nOlder names for a route above, or routes of another host: {}.",
        dormant.join(", ")
    );
    page.push_str(NOTES);
    page.push_str(CONFORMANCE);
    for line in SCORES.lines() {
        let mut fields = line.split(' ');
        if let (Some(column), Some(passed), Some(total)) =
            (fields.next(), fields.next(), fields.next())
        {
            let _ = writeln!(page, "| {} | {passed} of {total} |", spelled(column));
        }
    }
    page
}

fn spelled(column: &str) -> &str {
    match column {
        "seaweedfs" => "Sealgate over SeaweedFS",
        "embedded" => "Sealgate over its embedded bucket",
        "store-alone" => "SeaweedFS without Sealgate, for comparison",
        other => other,
    }
}

fn route(row: &Row) -> String {
    let path = match row.target {
        super::Target::Service => "/",
        super::Target::Bucket => "/bucket",
        super::Target::Object => "/bucket/key",
    };
    let mut query: Vec<&str> = Vec::new();
    if !row.sub_resource.is_empty() {
        query.push(row.sub_resource);
    }
    query.extend(row.needs.iter().filter(|need| !need.starts_with('@')));
    let header = if row.needs.contains(&"@copy-source") {
        " + x-amz-copy-source"
    } else {
        ""
    };
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{} {path}{mark}{}{header}", row.method, query.join("&"))
}

const CLASSES: &[(Class, &str, &str)] = &[
    (
        Class::Seal,
        "Sealed",
        "Bytes come in, are verified, and reach the store sealed.",
    ),
    (
        Class::Open,
        "Opened",
        "Sealed bytes come from the store and leave as plaintext, authenticated frame by frame.",
    ),
    (
        Class::Rewrite,
        "Rewritten",
        "The store answers; sizes, ETags, names and headers are the plaintext's.",
    ),
    (
        Class::Gateway,
        "Answered by the gateway",
        "From the gateway's own documents.",
    ),
    (
        Class::Unset,
        "Read as never set",
        "No bucket here has them. They are answered as Amazon S3 answers of a new bucket, for tools that read every setting; \
         the store is not asked.",
    ),
    (
        Class::PassThrough,
        "Passed on",
        "The store answers, after policy. What the store does not offer, the gateway does not either.",
    ),
    (
        Class::Admin,
        "For administrators of the store only",
        "They change the upstream bucket itself; tenants get `AccessDenied`.",
    ),
    (
        Class::Refuse,
        "Refused",
        "Answered with `NotImplemented`; the store is not asked.",
    ),
];

const INTRODUCTION: &str = "# S3 compatibility

Made by `sealgate docs s3-compatibility` from the registry in `gateway/src/s3/operation.rs`; a test fails when
this page differs from it. A request that matches no line here is refused.
";

const NOTES: &str = "
## How it differs from Amazon S3

- **ETags** are opaque: the store's ETag of sealed bytes, with a suffix (`-1`) where a client might take it for
  an MD5 of the object. They are the same in every view and work in conditions.
- **Part ETags** are tokens of about 180 characters. Echo them as they are.
- **Signatures**: Signature Version 4 in headers, presigned and in forms, with every payload form. Version 2 presigned,
  as boto3 still does by default in some regions, and in forms; in headers where `signature_v2_headers = true` says so.
  Query parameters that Version 2 leaves unsigned and that name a sub-resource are refused. Version 4A is refused.
- **Form uploads** (`POST /bucket`) need a signed policy that covers every field but checksums, and a `Content-Length`.
  What follows the file is ignored, up to 64 KiB. A file over 5 MiB becomes an object of two parts.
- **CORS** is kept and answered by the gateway. A preflight has no signature: without an access key in its URL it is
  allowed if any tenant's bucket of that name allows it.
- **Uploads need a length**: `Content-Length` or `x-amz-decoded-content-length`; otherwise 411. The sealed length,
  which the store must be told first, follows from it.
- **Sizes**: PutObject takes 5 GiB, one part 5 GiB less 4 MiB. CopyObject takes sources of any size: beyond 5 GiB the
  bytes pass through the gateway, opened and sealed again, and the answer comes when they have.
- **Access lists** are what they are: the owner has full control. Setting them to that is accepted; public lists and
  grants to others are refused as of a bucket whose owner owns every object, with `AccessControlListNotSupported`, or
  `AccessDenied` where the bucket's public access block says so. The public access block and the ownership controls are kept and
  given back; nothing is public whatever they say.
- **A bucket's settings** (versioning, object lock, tags, access block, ownership) may be changed by principals who may
  make buckets. Lifecycle rules and the like are for administrators of the store. Every setting may be read by whoever may
  list the bucket; `GetBucketLifecycleConfiguration` says what rules the store's bucket has.
- **Bucket policies** are compiled and decided by the gateway; docs/policies.md says what is understood. The rest is refused
  with `MalformedPolicy`. `*` is every principal of the tenant. Copying and DeleteObjects are decided about key by key.
- **Bucket names** belong to their tenant: two tenants may use the same name, and another tenant's bucket is
  `NoSuchBucket`.
- **Checksums**: all ten algorithms of S3 and Content-MD5 are verified before anything is committed, kept sealed, and
  given back with `x-amz-checksum-mode` and in GetObjectAttributes; where none is declared it is CRC64NVME. For
  objects over 64 KiB a read that asks for them costs one more request to the store, once. A copy keeps its source's
  checksum: `x-amz-checksum-algorithm` of CopyObject has no effect. Listings of objects do not name the algorithm.
  A part without a checksum is taken where another was chosen for the upload: its checksum is calculated. Each
  part's own is kept where the padding of the stored object has room for it: always for parts of whole 64 KiB and
  algorithms up to 32 bytes, for SHA512 from parts of 6 MiB.
- **Part numbers on reads** (`?partNumber=`) are those of the upload. One that is not there is 400 `InvalidPart`.
- **rclone** is shown the `ETag` it expects of an object in parts, if it sent Content-MD5 with each of them
  (`[accommodations] rclone_etags = false` switches that off).
- **Tags, object names, sizes and times** are not sealed: the store sees them.
- **Keys that end in a slash**: SeaweedFS makes directories of them and drops their bytes and metadata. Uploads with bytes are
  refused there (501); of empty ones, which mark folders, the gateway keeps what the store drops.
- **Conditional writes** are decided by the store. The embedded bucket and SeaweedFS do; see your store's manual.
- **The embedded bucket** (`sealgate dev`) has versioning and tagging as far as its own page says
  (`embedded-bucket/src/lib.rs`).
";

const CONFORMANCE: &str = "
## Conformance

The core of ceph/s3-tests, without the tests of Ceph's extensions, of other services and of what is refused as a whole.
Every failure stands with its reason in `integration-tests/conformance/expected-failures.txt`; CONTRIBUTING.md says how
to run them. By hand, and not on every change: `s3s-e2e` 0.14.1 of the s3s project passes 17 of its 18 tests over either store;
the other assumes a role that is called `example`, which is no ARN.

| | passed |
|---|---|
";

/// Written by the conformance run.
const SCORES: &str = include_str!("../../../integration-tests/conformance/scores.txt");

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_in_docs_is_this_one() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/s3-compatibility.md");
        let written = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            written == super::page(),
            "docs/s3-compatibility.md is not what the registry says; mend it with: cargo run -- docs s3-compatibility > docs/s3-compatibility.md"
        );
    }
}
