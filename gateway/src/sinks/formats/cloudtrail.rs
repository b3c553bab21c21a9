//! The record shape of AWS CloudTrail, for tools that read that.

use serde_json::{Value, json};

use super::{remaining, text, without_blanks};

/// A line as a CloudTrail record.
pub(in crate::sinks) fn cloudtrail(line: &Value) -> Value {
    let op = text(line, "/op");
    let (service, name) = op.split_once(':').unwrap_or(("sealgate", op));
    let class = text(line, "/class");
    let management = class == "admin";
    without_blanks(json!({
        "eventVersion": "1.09",
        "userIdentity": {
            "type": if text(line, "/actor/tok").is_empty() { "Unknown" } else { "IAMUser" },
            "principalId": text(line, "/actor/tok"),
            "accountId": text(line, "/tenant"),
            "accessKeyId": text(line, "/cred"),
        },
        "eventTime": text(line, "/wall"),
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": name,
        "sourceIPAddress": text(line, "/src/tok"),
        "userAgent": text(line, "/src/dev_tok"),
        "errorCode": text(line, "/err"),
        "requestParameters": {
            "bucketName": text(line, "/bucket"),
            "key": text(line, "/obj/tok"),
            "versionId": text(line, "/ver"),
        },
        "requestID": text(line, "/req"),
        "eventID": text(line, "/id"),
        "readOnly": class == "read",
        "resources": resources(line),
        "eventType": "AwsApiCall",
        "managementEvent": management,
        "recipientAccountId": text(line, "/tenant"),
        "eventCategory": if management { "Management" } else { "Data" },
        "additionalEventData": remaining(line, PLACED),
    }))
}

fn resources(line: &Value) -> Value {
    let bucket = text(line, "/bucket");
    if bucket.is_empty() {
        return Value::Null;
    }
    let object = text(line, "/obj/tok");
    let of_bucket = json!({ "type": "AWS::S3::Bucket", "ARN": format!("arn:aws:s3:::{bucket}") });
    if object.is_empty() {
        return json!([of_bucket]);
    }
    let arn = format!("arn:aws:s3:::{bucket}/{object}");
    json!([{ "type": "AWS::S3::Object", "ARN": arn }, of_bucket])
}

/// Members that have a place of their own, all of them.
const PLACED: &[&str] = &[
    "bucket", "class", "cred", "err", "id", "op", "req", "tenant", "ver", "wall",
];
