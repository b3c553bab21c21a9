//! The requests that AWS publishes with their signatures. It must not know how signatures are made.

/// The examples of the Amazon S3 API reference ("Examples: Signature Calculations", "Transferring Payload in Multiple
/// Chunks", "Including Trailing Headers"), as the input of a target that takes requests.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let host = "host:examplebucket.s3.amazonaws.com\nx-amz-date:20130524T000000Z";
    let signed = "host;x-amz-content-sha256;x-amz-date";
    let empty = format!("{host}\nx-amz-content-sha256:{EMPTY}");
    let get = authorization(
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
    let put = authorization(
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    let lifecycle = authorization(
        signed,
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    );
    let list = authorization(
        signed,
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    );
    let texts = [
        format!("GET /test.txt\n{empty}\nrange:bytes=0-9\n{get}"),
        format!(
            "PUT /test%24file.text\n{host}\ndate:Fri, 24 May 2013 00:00:00 GMT\n\
             x-amz-storage-class:REDUCED_REDUNDANCY\nx-amz-content-sha256:{PUT_SHA256}\n{put}"
        ),
        format!("GET /?lifecycle\n{empty}\n{lifecycle}"),
        format!("GET /?max-keys=2&prefix=J\n{empty}\n{list}"),
        format!("GET /test.txt?{PRESIGNED}\nhost:examplebucket.s3.amazonaws.com"),
    ];
    let chunked = [false, true].map(|trailer| chunked(trailer).0);
    texts
        .into_iter()
        .map(String::into_bytes)
        .chain(chunked)
        .collect()
}

/// Examples of Signature Version 2 in the Amazon S3 user guide ("Signing and authenticating REST requests"), all on
/// the bucket `johnsmith` in the host, as the input of a target that takes requests.
pub(crate) fn version2() -> Vec<Vec<u8>> {
    let dated = |line: &str, time: &str, signature: &str| {
        format!(
            "{line}\ndate:Tue, 27 Mar 2007 {time} +0000\nauthorization:AWS AKIAIOSFODNN7EXAMPLE:{signature}"
        )
    };
    let texts = [
        dated("GET /photos/puppy.jpg", "19:36:42", "bWq2s1WEIj+Ydj0vQ697zp+IXMU="),
        dated("GET /?prefix=photos&max-keys=50&marker=puppy", "19:42:41", "htDYFYduRNen8P9ZfE/s9SuKy0U="),
        dated("GET /?acl", "19:44:46", "c2WLPFtWHVgbEmeEG93a4cG37dM="),
        "GET /photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620".to_owned(),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

/// AWS's example of an upload in signed chunks, without or with a trailer: its head, as a request, and its body.
pub(crate) fn chunked(trailer: bool) -> (Vec<u8>, Vec<u8>) {
    let common = "PUT /examplebucket/chunkObject.txt\nhost:s3.amazonaws.com\nx-amz-date:20130524T000000Z\n\
        x-amz-storage-class:REDUCED_REDUNDANCY\ncontent-encoding:aws-chunked\nx-amz-decoded-content-length:66560";
    let payload = "x-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    let signed =
        "host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class";
    let (a, b) = ("a".repeat(65_536), "a".repeat(1024));
    let body = |[first, second, last]: [&str; 3], end: &str| {
        format!(
            "10000;chunk-signature={first}\r\n{a}\r\n400;chunk-signature={second}\r\n{b}\r\n\
             0;chunk-signature={last}\r\n{end}\r\n"
        )
    };
    let (head, body) = if trailer {
        let authorization = authorization(
            &format!("content-encoding;{signed};x-amz-trailer"),
            "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        );
        let head = format!(
            "{common}\n{payload}-TRAILER\nx-amz-trailer:x-amz-checksum-crc32c\n{authorization}"
        );
        let end = "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:\
            d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n";
        (head, body(TRAILER_CHUNKS, end))
    } else {
        let authorization = authorization(
            &format!("content-encoding;content-length;{signed}"),
            "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        );
        (
            format!("{common}\n{payload}\ncontent-length:66824\n{authorization}"),
            body(CHUNKS, ""),
        )
    };
    (head.into_bytes(), body.into_bytes())
}

fn authorization(signed: &str, signature: &str) -> String {
    format!(
        "authorization:AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
         SignedHeaders={signed},Signature={signature}"
    )
}

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const PUT_SHA256: &str = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
const PRESIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
    &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
    &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
    &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
const CHUNKS: [&str; 3] = [
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
];
const TRAILER_CHUNKS: [&str; 3] = [
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
];
