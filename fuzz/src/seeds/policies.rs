//! Policies in IAM's JSON: each element and each kind of condition once, and some that are refused late.

use serde_json::{Value, json};

/// On the bucket `records` of the tenant `clinic`.
pub(super) fn of_buckets() -> Vec<Vec<u8>> {
    let everybody = |mut statement: Value| {
        if let Some(members) = statement.as_object_mut() {
            members.entry("Principal").or_insert_with(|| json!("*"));
        }
        statement
    };
    documents(everybody)
}

/// The same without principals.
pub(super) fn of_sessions() -> Vec<Vec<u8>> {
    let nobody = |mut statement: Value| {
        if let Some(members) = statement.as_object_mut() {
            members.remove("Principal");
        }
        statement
    };
    documents(nobody)
}

fn documents(of: impl Fn(Value) -> Value) -> Vec<Vec<u8>> {
    let conditions = conditions().into_iter().map(|(action, condition)| {
        let resource = match action {
            "s3:ListBucket" => "arn:aws:s3:::records",
            _ => "arn:aws:s3:::records/*",
        };
        json!({ "Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition })
    });
    let alone = statements().into_iter().chain(conditions).map(&of);
    let alone: Vec<Value> = alone.collect();
    let together = json!({
        "Version": "2012-10-17", "Id": "all",
        "Statement": alone.iter().take(4).collect::<Vec<_>>(),
    });
    let documents = alone
        .iter()
        .map(|one| json!({ "Version": "2012-10-17", "Statement": one }));
    let documents = documents.chain([together]);
    documents
        .map(|document| document.to_string().into_bytes())
        .chain([b"{\"Statement\":[]}".to_vec(), b"[".to_vec()])
        .collect()
}

fn statements() -> Vec<Value> {
    let objects = "arn:aws:s3:::records/*";
    vec![
        json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }),
        json!({
            "Sid": "read", "Effect": "Allow", "Action": ["s3:Get*", "s3:List*"],
            "Principal": { "AWS": ["arn:aws:iam::clinic:user/alice", "arn:aws:iam::clinic:role/reader"] },
            "Resource": ["arn:aws:s3:::records", objects],
        }),
        json!({
            "Sid": "home", "Effect": "Allow", "Action": "s3:?utObject",
            "Resource": "arn:aws:s3:::records/${aws:username}/*",
        }),
        json!({ "Sid": "rest", "Effect": "Deny", "NotAction": "s3:GetObject", "NotResource": "arn:aws:s3:::records/a*b/*" }),
        json!({
            "Effect": "Deny", "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::records/a/${aws:PrincipalTag/team}/*",
        }),
        // Refused: wildcards where none may stand, an action that is none, another bucket.
        json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::records/a?" }),
        json!({ "Effect": "Allow", "Action": "s3:NoSuch", "Resource": objects }),
        json!({ "Effect": "Allow", "NotPrincipal": "*", "Action": "s3:*", "Resource": objects }),
    ]
}

fn conditions() -> Vec<(&'static str, Value)> {
    vec![
        (
            "s3:GetObject",
            json!({ "StringLike": { "aws:UserAgent": ["a*", "\u{e4}\"\\*"] } }),
        ),
        (
            "s3:GetObject",
            json!({ "StringNotEqualsIfExists": { "s3:ExistingObjectTag/patient": "7" } }),
        ),
        (
            "s3:ListBucket",
            json!({ "StringEquals": { "s3:prefix": "a/" }, "NumericLessThanEquals": { "s3:max-keys": "10" } }),
        ),
        (
            "s3:GetObject",
            json!({ "IpAddress": { "aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"] } }),
        ),
        (
            "s3:GetObject",
            json!({ "NotIpAddress": { "aws:SourceIp": "10.0.0.7" } }),
        ),
        (
            "s3:GetObject",
            json!({ "Bool": { "aws:SecureTransport": "true", "aws:MultiFactorAuthPresent": true } }),
        ),
        (
            "s3:GetObject",
            json!({ "DateGreaterThan": { "aws:CurrentTime": "2027-01-15T08:00:00Z" } }),
        ),
        (
            "s3:GetObject",
            json!({ "NumericGreaterThan": { "s3:signatureAge": 1000 } }),
        ),
        (
            "s3:GetObject",
            json!({ "Null": { "aws:PrincipalTag/team": "false" } }),
        ),
        (
            "s3:PutObject",
            json!({ "StringNotLike": { "s3:x-amz-acl": "public*" } }),
        ),
        (
            "s3:GetObject",
            json!({ "NumericLessThan": { "s3:TlsVersion": "1.2" } }),
        ),
        // Refused: a set operator, an unknown key, one that never applies.
        (
            "s3:GetObject",
            json!({ "ForAllValues:StringEquals": { "aws:UserAgent": "a" } }),
        ),
        (
            "s3:GetObject",
            json!({ "StringEquals": { "aws:NoSuch": "a" } }),
        ),
        (
            "s3:GetObject",
            json!({ "StringEquals": { "s3:prefix": "a" } }),
        ),
    ]
}
