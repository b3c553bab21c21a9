//! Each member of a line has a place in each format, and nothing that is sealed is opened.

use super::*;

fn line() -> Value {
    json!({
        "v": 2, "log": "a-1", "seq": 7, "hlc": "0001", "tseq": 3, "tprev": "p==", "id": "0190",
        "kind": "outcome", "wall": "1970-01-01T00:00:01.500Z", "req": "R1", "intent_ref": "0189",
        "tenant": "clinic", "actor": {"tok": "A"}, "cred": "AK", "op": "s3:GetObject", "class": "read",
        "bucket": "docs", "obj": {"tok": "O", "oid": "aa"}, "ver": "V", "src": {"tok": "S", "net_tok": "N"},
        "bytes_in": 1, "bytes_out": 9, "range": "0-8", "decision": "allow", "policies": ["L2:reader"],
        "status": 206, "err": "Some", "params": "h", "approvals": ["x"], "dur_ms": 4, "receipt": "r",
        "detail": {"a": 1}, "akey": "k1", "sealed": {"obj.key": "c=="}, "trunc": ["ua"]
    })
}

/// Every value of a line, as text.
fn leaves(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|value| leaves(value, found)),
        Value::Array(items) => items.iter().for_each(|value| leaves(value, found)),
        Value::String(text) => found.push(text.clone()),
        other => found.push(other.to_string()),
    }
}

#[test]
fn nothing_of_a_line_is_lost() {
    for (format, made) in [("ocsf", ocsf(&line())), ("cloudtrail", cloudtrail(&line()))] {
        let (mut told, mut wanted) = (Vec::new(), Vec::new());
        leaves(&made, &mut told);
        leaves(&line(), &mut wanted);
        // The schema's version is the format's own; OCSF has numbers for the class and the time.
        let renamed: &[&str] = match format {
            "ocsf" => &["2", "read", "1970-01-01T00:00:01.500Z"],
            _ => &["2", "read", "s3:GetObject"],
        };
        for value in wanted
            .iter()
            .filter(|value| !renamed.contains(&value.as_str()))
        {
            assert!(
                told.contains(value),
                "{format} does not say {value}: {made:#}"
            );
        }
    }
}

/// Numbers by schema.ocsf.io: Datastore Activity is 6005, its Read 1, Write 5, Delete 7, List 8; API Activity 6003,
/// its Other 99; Authentication 3002, its Logon 1. A type is the class times a hundred and the activity.
#[test]
fn classes_and_activities_are_those_of_ocsf() {
    let with = |changes: Value| {
        let mut line = line();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                line.as_object_mut().unwrap().remove(name);
            } else {
                line[name] = value.clone();
            }
        }
        ocsf(&line)["type_uid"].as_u64().unwrap()
    };
    assert_eq!(with(json!({})), 600_501);
    assert_eq!(with(json!({"obj": null})), 600_508);
    assert_eq!(with(json!({"class": "write"})), 600_505);
    assert_eq!(with(json!({"class": "delete"})), 600_507);
    assert_eq!(with(json!({"class": "admin"})), 600_399);
    assert_eq!(with(json!({"kind": "session"})), 300_201);
    let event = ocsf(&line());
    assert_eq!(event["time"], 1500);
    assert_eq!(event["status_id"], 1);
    assert_eq!(event["unmapped"]["sealed"]["obj.key"], "c==");
}

#[test]
fn refusals_show() {
    let mut line = line();
    line["decision"] = json!("deny");
    line["status"] = json!(403);
    line["err"] = json!("AccessDenied");
    let event = ocsf(&line);
    assert_eq!(
        (&event["status_id"], &event["action_id"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(cloudtrail(&line)["errorCode"], "AccessDenied");
}

#[test]
fn a_cloudtrail_record_names_tokens_where_names_would_be() {
    let record = cloudtrail(&line());
    assert_eq!(record["eventName"], "GetObject");
    assert_eq!(record["eventSource"], "s3.amazonaws.com");
    assert_eq!(record["requestParameters"]["key"], "O");
    assert_eq!(record["resources"][0]["ARN"], "arn:aws:s3:::docs/O");
    assert_eq!(record["readOnly"], true);
    assert_eq!(record["eventCategory"], "Data");
}
