//! The AWS SDK for Rust with default settings: bytes, files, parts, listing, ranges, copies, presigned URLs, versions,
//! deleting. A program of its own, so that the environment tells it where to go, as it tells every client. It asserts.
//!
//! usage: `row_aws_sdk_rust BUCKET MEBIBYTES SCRATCH`
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking with the reason"
)]

use std::process::Command;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketVersioningStatus, ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, Delete,
    ObjectIdentifier, VersioningConfiguration,
};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bucket, mebibytes, scratch] = &arguments[..] else {
        panic!("usage: row_aws_sdk_rust BUCKET MEBIBYTES SCRATCH")
    };
    let row = Row {
        s3: Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await),
        bucket: bucket.clone(),
    };
    let large = noise(mebibytes.parse::<usize>().expect("a number") << 20);
    row.s3
        .create_bucket()
        .bucket(bucket)
        .send()
        .await
        .expect("a bucket is made");
    row.small().await;
    row.large(&large, scratch).await;
    row.presigned().await;
    row.listed(large.len()).await;
    row.versions().await;
    row.s3
        .delete_bucket()
        .bucket(bucket)
        .send()
        .await
        .expect("nothing is left in the bucket");
}

struct Row {
    s3: Client,
    bucket: String,
}

impl Row {
    /// Bytes, with the checksums that are sent by default and those that are asked for.
    async fn small(&self) {
        let bytes = noise(1000);
        let put = self.s3.put_object().bucket(&self.bucket).key("small");
        let put = put
            .body(ByteStream::from(bytes.clone()))
            .metadata("n", "1")
            .content_type("text/x-own");
        let put = put.send().await.expect("bytes are stored");
        assert!(put.checksum_crc32().is_some(), "{put:?}");
        let head = self.s3.head_object().bucket(&self.bucket).key("small");
        let head = head.send().await.expect("it is there");
        assert_eq!(head.content_length(), Some(1000));
        assert_eq!(head.e_tag(), put.e_tag());
        assert_eq!(head.content_type(), Some("text/x-own"));
        assert_eq!(head.metadata().expect("it has metadata")["n"], "1");
        assert_eq!(self.read("small", None).await, bytes);

        let put = self.s3.put_object().bucket(&self.bucket).key("crc64");
        let put = put
            .body(ByteStream::from(bytes.clone()))
            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
        let put = put.send().await.expect("bytes are stored");
        assert!(put.checksum_crc64_nvme().is_some(), "{put:?}");
        assert_eq!(self.read("crc64", None).await, bytes);

        let missing = self.s3.get_object().bucket(&self.bucket).key("never-there");
        let missing = missing.send().await.expect_err("there is no such object");
        assert!(missing.into_service_error().is_no_such_key());
    }

    /// A file, whose checksum comes at its end; the same in parts; a copy; a range.
    async fn large(&self, bytes: &[u8], scratch: &str) {
        let file = format!("{scratch}/up");
        std::fs::write(&file, bytes).expect("a file can be written");
        let body = ByteStream::from_path(&file).await.expect("it can be read");
        let put = self.s3.put_object().bucket(&self.bucket).key("file");
        put.body(body).send().await.expect("a file is stored");
        assert!(self.read("file", None).await == bytes);

        let create = self
            .s3
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key("large");
        let created = create.send().await.expect("an upload begins");
        let upload = created.upload_id().expect("it has an id");
        let mut parts = Vec::new();
        for (number, piece) in (1..).zip(bytes.chunks(PART)) {
            let part = self.s3.upload_part().bucket(&self.bucket).key("large");
            let part = part.upload_id(upload).part_number(number);
            let part = part.body(ByteStream::from(piece.to_vec())).send().await;
            let part = part.expect("a part is stored");
            let done = CompletedPart::builder()
                .part_number(number)
                .set_e_tag(part.e_tag)
                .set_checksum_crc32(part.checksum_crc32);
            parts.push(done.build());
        }
        let listed = self.s3.list_parts().bucket(&self.bucket).key("large");
        let listed = listed
            .upload_id(upload)
            .send()
            .await
            .expect("parts are listed");
        assert_eq!(listed.parts().len(), parts.len());
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts));
        let complete = self
            .s3
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key("large");
        let complete = complete
            .upload_id(upload)
            .multipart_upload(parts.build())
            .send();
        complete.await.expect("an object is made of them");
        assert!(self.read("large", None).await == bytes);
        let range = self.read("large", Some("bytes=70000-6000000")).await;
        assert!(range == bytes[70_000..6_000_001]);

        let copy = self.s3.copy_object().bucket(&self.bucket).key("copy");
        let copy = copy.copy_source(format!("{}/large", self.bucket));
        copy.send().await.expect("it is copied");
        assert!(self.read("copy", None).await == bytes);
    }

    /// URLs that another program uses.
    async fn presigned(&self) {
        let hour = PresigningConfig::expires_in(Duration::from_hours(1)).expect("an hour will do");
        let put = self.s3.put_object().bucket(&self.bucket).key("presigned");
        let put = put.presigned(hour.clone()).await.expect("a URL is made");
        fetched(&put, &["--data-binary", "signed elsewhere"]);
        let get = self.s3.get_object().bucket(&self.bucket).key("presigned");
        let get = get.presigned(hour).await.expect("a URL is made");
        assert_eq!(fetched(&get, &[]), b"signed elsewhere");
    }

    /// Page by page, with the sizes of plaintext; and all gone at once.
    async fn listed(&self, large: usize) {
        let mut pages = self
            .s3
            .list_objects_v2()
            .bucket(&self.bucket)
            .into_paginator()
            .page_size(4)
            .send();
        let mut seen = Vec::new();
        while let Some(page) = pages.next().await {
            for one in page.expect("a page comes").contents() {
                let key = one.key().expect("it has a name").to_owned();
                seen.push((key, one.size().expect("it has a size")));
            }
        }
        let large = i64::try_from(large).expect("a length fits");
        let expected = [
            ("copy", large),
            ("crc64", 1000),
            ("file", large),
            ("large", large),
            ("presigned", 16),
            ("small", 1000),
        ];
        assert_eq!(seen, expected.map(|(key, size)| (key.to_owned(), size)));
        let gone = seen
            .iter()
            .map(|(key, _)| ObjectIdentifier::builder().key(key));
        let gone = gone
            .map(|one| one.build().expect("it has a name"))
            .collect();
        let all = Delete::builder().set_objects(Some(gone)).build();
        let delete = self.s3.delete_objects().bucket(&self.bucket);
        let deleted = delete.delete(all.expect("a list")).send().await;
        let deleted = deleted.expect("all go at once");
        assert_eq!((deleted.deleted().len(), deleted.errors().len()), (6, 0));
    }

    /// Two versions of one object, each read and deleted by its id.
    async fn versions(&self) {
        let enabled = VersioningConfiguration::builder()
            .status(BucketVersioningStatus::Enabled)
            .build();
        let versioning = self.s3.put_bucket_versioning().bucket(&self.bucket);
        let versioning = versioning.versioning_configuration(enabled).send();
        versioning.await.expect("versions are kept");
        let mut ids = Vec::new();
        for text in ["one", "two"] {
            let put = self.s3.put_object().bucket(&self.bucket).key("v");
            let put = put.body(ByteStream::from_static(text.as_bytes())).send();
            let id = put.await.expect("a version is stored").version_id;
            ids.push((id.expect("it has an id"), text));
        }
        for (id, text) in ids {
            let get = self.s3.get_object().bucket(&self.bucket).key("v");
            let got = get.version_id(&id).send().await.expect("it is there");
            let body = got.body.collect().await.expect("it comes whole");
            assert_eq!(body.into_bytes(), text);
            let delete = self.s3.delete_object().bucket(&self.bucket).key("v");
            delete.version_id(id).send().await.expect("it goes");
        }
    }

    /// What is stored, whose checksum the SDK verifies.
    async fn read(&self, key: &str, range: Option<&str>) -> Vec<u8> {
        let get = self.s3.get_object().bucket(&self.bucket).key(key);
        let got = get.set_range(range.map(str::to_owned)).send().await;
        let body = got.expect("it is there").body;
        body.collect().await.expect("it comes whole").to_vec()
    }
}

/// What curl is answered.
fn fetched(signed: &PresignedRequest, more: &[&str]) -> Vec<u8> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail"])
        .args(["--request", signed.method()])
        .args(more);
    for (name, value) in signed.headers() {
        curl.args(["--header", &format!("{name}: {value}")]);
    }
    let output = curl.arg(signed.uri()).output().expect("curl starts");
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// Bytes no two blocks of which are the same (Marsaglia's xorshift64).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(length / 8).flatten().collect()
}

const PART: usize = 6 << 20;
