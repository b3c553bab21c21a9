//! Inputs to begin with: for every target some that its parser accepts and some that it nearly does. It must not
//! assert anything; `examples/seed.rs` writes these into the corpus.

mod policies;
mod published;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::fixture::{PARTED, SHORT, STAGED, Stored};

pub(crate) use published::{chunked, examples};

/// The seeds of a target; none for a name that is no target's.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "aws_chunked" => aws_chunked(),
        "body" => bodies(),
        "bucket_policy" => policies::of_buckets(),
        "byte_range" => with_prefix(&1000_u64.to_be_bytes(), &RANGES),
        "canonical" => owned(&[
            "/a b/c%20d+e",
            "~-._/=?&%zz%",
            "k\u{e4}y\u{1f600}",
            "%25%2F%2f",
        ]),
        "complete" => owned(&COMPLETES),
        "config" => configs(),
        "copy_source" => owned(&COPY_SOURCES),
        "delete" => owned(&DELETES),
        "element" => owned(&ELEMENTS),
        "envelope" => [&*SHORT, &STAGED.stored].map(envelope).to_vec(),
        "form" => forms(),
        "form_policy" => owned(&FORM_POLICIES),
        "header" => vec![
            SHORT.envelope.sof_h().into_bytes(),
            raw(&STAGED.stored.envelope.sof_h()),
        ],
        "listing" => with_prefix(&[3, 40], &LISTINGS),
        "manifest" => ends().map(|(end, _)| without_trailer(end)).to_vec(),
        "part_token" => part_tokens(),
        "s3_request" => requests(),
        "session_policy" => policies::of_sessions(),
        "sizes" => sizes(),
        "span" => spans(),
        "tail" => ends()
            .map(|(end, object)| [&[object], [0; 8].as_slice(), &end].concat())
            .to_vec(),
        "trailer" => ends().map(|(end, _)| end).to_vec(),
        "unsealed_body" => unsealed_bodies(),
        "upload_id" => upload_ids(),
        "verify" => examples().into_iter().chain(requests()).collect(),
        "version2" => published::version2(),
        _ => Vec::new(),
    }
}

fn forms() -> Vec<Vec<u8>> {
    let part = |header: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; {header}\r\n\r\n{value}\r\n")
    };
    let file = part(
        "name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain",
        "x\r\n--",
    );
    let key = part("name=\"key\"", "in/${filename}");
    let texts = [
        format!("{key}{file}--b--\r\n"),
        format!(
            "\r\n{key}{}{file}{}--b--",
            part("name=policy", "e30="),
            part("name=\"submit\"", "")
        ),
        format!("{}--b--\r\n", part("name=\"file\"; filename=\"\"", "")),
        format!("{key}--b--\r\n"),
        format!("{key}{file}--b-"),
        format!("{key}{file}--bx--"),
        format!("{}{file}--b--", part("name=\"a\"; name=\"b\"", "c")),
        format!("{}{file}--b--", part("name=\"a\"\nX: y", "c")),
        format!("{}{file}--b--", part("name=\"a \\\"b\\\"\"", "c")),
    ];
    with_prefix(&[3], &texts.each_ref().map(String::as_str))
}

fn aws_chunked() -> Vec<Vec<u8>> {
    let mut seeds = with_prefix(&[0, 1], &UNSIGNED_CHUNKS);
    // The example as it is, and with a bit of its data, its framing and its last signature changed.
    let at = |[high, low]: [u8; 2]| [0, 0, high, low, 0, 1];
    for form in [1, 2] {
        seeds.push(vec![form, 200]);
        seeds
            .extend([[1, 0], [0, 2], [0, 90]].map(|place| [&[form, 200][..], &at(place)].concat()));
    }
    seeds
}

fn bodies() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for object in [0, 1, 2] {
        seeds.push(vec![object, 0, 7]);
        seeds.push(vec![object, 4, 200]);
        // A bit in the part header, in the first frame, then the end cut off, a byte put in, and two halves swapped.
        seeds.push(vec![object, 0, 7, 0, 0, 0, 9, 0, 1]);
        seeds.push(vec![object, 4, 7, 0, 0, 0, 70, 0, 128]);
        seeds.push(vec![object, 2, 7, 1, 0, 1, 0]);
        seeds.push(vec![object, 2, 7, 2, 0, 0, 200, 0, 0]);
        seeds.push(vec![object, 0, 7, 5, 0, 0, 200]);
    }
    seeds.push([&[0, 3, 5][..], &SHORT.body].concat());
    seeds
}

fn unsealed_bodies() -> Vec<Vec<u8>> {
    let header = SHORT.body.iter().take(48).copied();
    let short: Vec<u8> = [5_u64.to_be_bytes().as_slice(), &[3]]
        .concat()
        .into_iter()
        .chain(header)
        .collect();
    vec![
        short,
        [
            70_000_u64.to_be_bytes().as_slice(),
            &[9],
            b"SOFp\x01\x01\x10",
        ]
        .concat(),
    ]
}

fn spans() -> Vec<Vec<u8>> {
    let span = |object: u8, plain: u64, first: u64, length: u64| {
        let numbers = [plain, first, length].map(u64::to_be_bytes).concat();
        [&[object, 11][..], &numbers].concat()
    };
    let border = (5 << 20) + 3;
    let mut seeds: Vec<_> = [
        (0, 0, 0),
        (5, 0, 5),
        (65_536, 65_535, 1),
        (65_537, 65_536, 1),
        (200_000, 1, 131_072),
    ]
    .map(|(plain, first, length)| span(0, plain, first, length))
    .to_vec();
    let ranges = [
        (0, 1),
        (border - 1, 1),
        (border - 1, 2),
        (border, 65_536),
        (border - 70_000, 150_000),
    ];
    seeds.extend(ranges.map(|(first, length)| span(1, 0, first, length)));
    seeds
}

/// Stored lengths from the format's table, and its example of one that no plaintext has.
fn sizes() -> Vec<Vec<u8>> {
    [
        (0, 540),
        (65_536, 66_076),
        (65_537, 66_104),
        (5 << 20, 5_245_776),
        (1 << 40, 1_099_982_830_192),
    ]
    .map(|pair: (u64, u64)| [pair.0.to_be_bytes(), pair.1.to_be_bytes()].concat())
    .to_vec()
}

fn upload_ids() -> Vec<Vec<u8>> {
    let text = PARTED.id.encode();
    let built = text
        .strip_prefix("u1.")
        .and_then(|body| body.split_once('.'));
    let (state, upstream_id) = built.unwrap_or_default();
    let built = [raw(state).as_slice(), upstream_id.as_bytes()].concat();
    vec![
        STAGED.id.encode().into_bytes(),
        built,
        text.to_lowercase().into_bytes(),
    ]
}

fn part_tokens() -> Vec<Vec<u8>> {
    let tokens = STAGED
        .tokens
        .iter()
        .map(|token| token.encode(&STAGED.upload).into_bytes());
    let foreign = PARTED
        .tokens
        .iter()
        .map(|token| token.encode(&PARTED.upload).into_bytes());
    tokens.chain(foreign).chain([vec![b'e'; 300]]).collect()
}

/// Manifest and trailer of three objects, with the choice that names the object.
fn ends() -> [(Vec<u8>, u8); 3] {
    let end = |stored: &Stored| {
        let length = 56 * stored.tail.parts().len() + 368;
        stored
            .body
            .iter()
            .skip(stored.body.len() - length)
            .copied()
            .collect()
    };
    [
        (end(&SHORT), 0),
        (end(&STAGED.stored), 1),
        (end(&PARTED.stored), 2),
    ]
}

fn without_trailer(mut end: Vec<u8>) -> Vec<u8> {
    end.truncate(end.len() - 368);
    end
}

fn envelope(stored: &Stored) -> Vec<u8> {
    let metadata = stored.envelope.sof_m().unwrap_or_default();
    [raw(&stored.envelope.sof_h()), raw(&metadata)].concat()
}

fn raw(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap_or_default()
}

fn requests() -> Vec<Vec<u8>> {
    owned(&REQUESTS)
}

fn configs() -> Vec<Vec<u8>> {
    let embedded = CONFIG.replace(
        S3,
        "[upstream.embedded]\npath = \"bucket\"\nbucket_prefix = \"b-\"\n",
    );
    let elsewhere = CONFIG.replace("http://127.0.0.1:8333", "https://s3.example.org");
    let unsafe_one = CONFIG.replace("127.0.0.1:8333", "localhost@store.example.org");
    owned(&[
        CONFIG,
        &embedded,
        &elsewhere,
        &unsafe_one,
        "[[tenants]]\nid = 1\n",
        "= nothing",
    ])
}

fn owned(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn with_prefix(prefix: &[u8], texts: &[&str]) -> Vec<Vec<u8>> {
    texts
        .iter()
        .map(|text| [prefix, text.as_bytes()].concat())
        .collect()
}

const UNSIGNED_CHUNKS: [&str; 5] = [
    "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
    "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
    "00A\r\n0123456789\r\n1\r\n\n\r\n0\r\nX-Amz-Checksum-Crc32: NhCmhg== \n\r\n\r\n",
    "5\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
    "ffffffffffffffff\r\nhello",
];
const RANGES: [&str; 7] = [
    "bytes=0-4",
    "bytes=5-",
    "bytes=-7",
    "bytes=-0",
    " bytes= 999-1000",
    "bytes=1000-",
    "bytes=4-2",
];
const COPY_SOURCES: [&str; 5] = [
    "/bucket/a%20key",
    "bucket/a//b?versionId=v%201",
    "%2Fbucket%2Fkey?versionId=",
    "/bucket",
    "/bucket/%ff",
];
const COMPLETES: [&str; 3] = [
    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;p1.AA&quot;</ETag>\
     <ChecksumCRC32>NhCmhg==</ChecksumCRC32></Part><Part><ETag>e2</ETag><PartNumber> 7 </PartNumber></Part>\
     </CompleteMultipartUpload>",
    "<CompleteMultipartUpload xmlns=\"u\"><Part><PartNumber>10000</PartNumber><ETag>W/\"x\"</ETag></Part>\
     </CompleteMultipartUpload>",
    "<CompleteMultipartUpload><Part><PartNumber>0</PartNumber><ETag/></Part></CompleteMultipartUpload>",
];
const DELETES: [&str; 3] = [
    "<Delete><Object><Key> a&amp;b</Key></Object><Object><Key>c</Key><VersionId>v1</VersionId></Object>\
     <Quiet>true</Quiet></Delete>",
    "<?xml version=\"1.0\"?><d:Delete xmlns:d=\"u\"><d:Object><d:Key>&#xD;&#10;k</d:Key><d:ETag>e</d:ETag>\
     </d:Object></d:Delete>",
    "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
];
const ELEMENTS: [&str; 9] = [
    "<a\"b>x</a\"b>",
    "<a>\0</a>",
    "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><b/></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a>",
    "<A xmlns=\"u\"><B>x &amp; &#233;</B><C/></A>",
    "<s:A xmlns:s=\"u\"><s:B a='>'><![CDATA[x & ]]>\u{e9}</s:B><!-- - --></s:A>",
    "<A>text<B>&lt;&#1;</B>text</A>",
    "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
    "<a\"b>&#x0;</a\"b>",
    "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a>",
];
const LISTINGS: [&str; 2] = [
    "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"u\"><Name>up-b</Name><Prefix>a&lt;Size></Prefix><Contents>\
     <Key>k&amp;&quot;</Key><Size>541</Size><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag>\
     <ChecksumAlgorithm>CRC32</ChecksumAlgorithm><Owner><ID>9</ID><DisplayName>them</DisplayName></Owner>\
     <StorageClass/></Contents></ListBucketResult>",
    "<ListVersionsResult><Version><Size>12</Size><ETag>\"x-2\"</ETag><ChecksumType/><Owner><ID/></Owner></Version>\
     </ListVersionsResult>",
];
const REQUESTS: [&str; 10] = [
    "GET //bkt/k\nhost:h",
    "GET /bkt/a//../b%20c?versionId=1\nhost:127.0.0.1:9000\nrange:bytes=1-2",
    "PUT /key\nhost:bkt.s3.example\ncontent-length:5\nx-amz-meta-a:b\ncontent-encoding:aws-chunked,gzip",
    "PUT http://bkt.s3.example:9000/k\nx-amz-copy-source:/b/k",
    "POST /bkt/?delete=\nhost:h",
    "POST /bkt/k?uploadId=u1.x\nhost:h",
    "GET /?x-id=ListBuckets\nhost:h",
    "PUT /bkt/k?partNumber=1&uploadId=u\nhost:h\nx-amz-decoded-content-length:3",
    "HEAD /bkt?bucket-region=%C3%A9\nhost:h\nif-match:\"d41d8cd98f00b204e9800998ecf8427e-1\"",
    "GET /bkt/k?acl&tagging\nhost:h",
];
const S3: &str = "[upstream.s3]\nendpoint = \"http://127.0.0.1:8333\"\nregion = \"us-east-1\"\n\
    access_key_id = \"store\"\nsecret_access_key = \"store-secret\"\n";
const CONFIG: &str = "[listen]\ns3 = \"127.0.0.1:9000\"\nbase_domains = [\"S3.example\"]\n\
    [upstream.s3]\nendpoint = \"http://127.0.0.1:8333\"\nregion = \"us-east-1\"\n\
    access_key_id = \"store\"\nsecret_access_key = \"store-secret\"\n\
    [kms.dangerous_local_file]\npath = \"root-keys\"\n[audit]\njournal = \"audit\"\n\
    [[tenants]]\nid = \"demo\"\n[[tenants.credentials]]\naccess_key_id = \"DEMO\"\n\
    secret_access_key = \"0123456789abcdef\"\nprincipal = \"demo-admin\"\nrole = \"tenant-admin\"\n";

/// A policy, a zero, and the fields of a form.
const FORM_POLICIES: [&str; 6] = [
    "{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":[{\"bucket\":\"bucket\"},[\"starts-with\",\"$key\",\"a/\"]]}\0key=a/b\nsignature=s",
    "{\"expiration\":\"2030-01-01T00:00:00.000Z\",\"conditions\":[{\"bucket\":\"bucket\",\"key\":\"k\"},[\"content-length-range\",1,\"9\"]]}\0key=k",
    "{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":[[\"eq\",\"$bucket\",\"bucket\"],[\"starts-with\",\"$Content-Type\",\"image/\"]]}\0Content-Type=image/a,image/b",
    "{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":[{\"bucket\":\"other\"}]}\0",
    "{\"expiration\":\"2007-12-01T12:00:00Z\",\"conditions\":[{\"bucket\":\"bucket\"}]}\0x-ignore-a=1",
    "{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":[{}]}\0",
];
