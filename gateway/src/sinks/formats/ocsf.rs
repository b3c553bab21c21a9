//! OCSF 1.3 (schema.ocsf.io): Datastore Activity for objects, Authentication for sessions, API Activity for the rest.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{remaining, text, without_blanks};

/// A line as an OCSF event.
pub(in crate::sinks) fn ocsf(line: &Value) -> Value {
    let class = Class::of(line);
    let activity = class.activity(line);
    let time = OffsetDateTime::parse(text(line, "/wall"), &Rfc3339).ok();
    let millis = time.map(|time| time.unix_timestamp_nanos() / 1_000_000);
    let denied = text(line, "/decision") == "deny";
    without_blanks(json!({
        "category_uid": class as u32 / 1000,
        "class_uid": class as u32,
        "activity_id": activity,
        "type_uid": (class as u32) * 100 + activity,
        "severity_id": severity(line, denied),
        "status_id": status(line, denied),
        "status_code": text(line, "/err"),
        "time": millis.and_then(|millis| i64::try_from(millis).ok()),
        "duration": line.get("dur_ms"),
        "metadata": {
            "version": "1.3.0",
            "uid": text(line, "/id"),
            "correlation_uid": text(line, "/req"),
            "sequence": line.get("seq"),
            "log_name": text(line, "/log"),
            "event_code": text(line, "/kind"),
            "tenant_uid": text(line, "/tenant"),
            "product": { "name": "Sealgate", "vendor_name": "Sealgate" },
        },
        "actor": {
            "user": { "uid": text(line, "/actor/tok"), "credential_uid": text(line, "/cred") },
            "authorizations": authorizations(line),
        },
        "src_endpoint": { "uid": text(line, "/src/tok"), "subnet_uid": text(line, "/src/net_tok") },
        "api": {
            "operation": text(line, "/op"),
            "request": { "uid": text(line, "/req") },
            "response": { "code": line.get("status"), "error": text(line, "/err") },
        },
        "http_request": { "user_agent": text(line, "/src/dev_tok") },
        "http_response": { "code": line.get("status") },
        "traffic": { "bytes_in": line.get("bytes_in"), "bytes_out": line.get("bytes_out") },
        "databucket": bucket(line),
        "action_id": if denied { 2 } else { 1 },
        "unmapped": remaining(line, PLACED),
    }))
}

/// The classes that events fall into.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    Authentication = 3002,
    ApiActivity = 6003,
    DatastoreActivity = 6005,
}

impl Class {
    fn of(line: &Value) -> Self {
        let data = matches!(text(line, "/class"), "read" | "write" | "delete");
        if text(line, "/kind").starts_with("session.") || text(line, "/op").starts_with("sts:") {
            Self::Authentication
        } else if data && line.get("bucket").is_some() {
            Self::DatastoreActivity
        } else {
            Self::ApiActivity
        }
    }

    /// The number of what was done, of this class; 99 is other.
    fn activity(self, line: &Value) -> u32 {
        let named = line.get("obj").is_some();
        let ends = matches!(
            text(line, "/kind"),
            "session.ended" | "session.idle" | "session.revoked"
        );
        match (self, text(line, "/class")) {
            (Self::Authentication, _) if ends => 2,
            (Self::Authentication, _) => 1,
            (Self::DatastoreActivity, "read") if named => 1,
            (Self::DatastoreActivity, "read") => 8,
            (Self::DatastoreActivity, "write") => 5,
            (Self::DatastoreActivity, "delete") => 7,
            (Self::ApiActivity, "read") => 2,
            (Self::ApiActivity, "write") => 3,
            (Self::ApiActivity, "delete") => 4,
            _ => 99,
        }
    }
}

/// 1 informational, 2 low, 4 high.
fn severity(line: &Value, denied: bool) -> u32 {
    match text(line, "/kind") {
        "audit.gap" => 4,
        _ if denied => 2,
        _ => 1,
    }
}

/// 0 unknown: an intent has no end yet. 1 success, 2 failure.
fn status(line: &Value, denied: bool) -> u32 {
    let code = line.get("status").and_then(Value::as_u64);
    match code {
        _ if denied => 2,
        None => 0,
        Some(code) if code < 400 => 1,
        Some(_) => 2,
    }
}

fn authorizations(line: &Value) -> Value {
    let decision = text(line, "/decision");
    let policies = line.get("policies").and_then(Value::as_array);
    let of = |policy: &Value| json!({ "decision": decision, "policy": { "uid": policy } });
    Value::Array(policies.into_iter().flatten().map(of).collect())
}

fn bucket(line: &Value) -> Value {
    let Some(bucket) = line.get("bucket") else {
        return Value::Null;
    };
    json!({
        "name": bucket,
        "type_id": 1,
        "file": {
            "name": text(line, "/obj/tok"),
            "uid": text(line, "/obj/oid"),
            "version": text(line, "/ver"),
            "type_id": if line.get("obj").is_some() { json!(1) } else { Value::Null },
        },
    })
}

/// Members that have a place of their own, all of them.
const PLACED: &[&str] = &[
    "bucket",
    "bytes_in",
    "bytes_out",
    "class",
    "cred",
    "decision",
    "dur_ms",
    "err",
    "id",
    "kind",
    "log",
    "obj",
    "op",
    "policies",
    "req",
    "seq",
    "src",
    "status",
    "tenant",
    "ver",
    "wall",
];
