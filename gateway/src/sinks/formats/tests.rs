//! Each member of a line has a place in each format, and nothing that is sealed is opened.

use std::time::{Duration, SystemTime};

use audit::{Act, Class, Decision, Event, Identity, Journal, Kind, SecondFactor, Settings, Uuid};

use super::*;

/// A line as the journal writes it, with every member that there is: whoever adds one to events has to add it here.
async fn line() -> Value {
    let text = |text: &str| Some(text.to_owned());
    let event = Event {
        id: Uuid::from_u128(7),
        kind: Kind::Outcome,
        wall: SystemTime::UNIX_EPOCH + Duration::from_millis(1500),
        req: "R1".to_owned(),
        intent_ref: Some(Uuid::from_u128(6)),
        op: "s3:GetObject".into(),
        class: Class::Read,
        decision: Decision::Allow,
        policies: vec!["L2:reader".to_owned()],
        tenant: text("clinic"),
        principal: text("ann"),
        actor_type: Some("human"),
        roles: vec!["nurse".to_owned()],
        second_factor: Some(SecondFactor {
            age: Duration::from_secs(61),
            methods: vec!["hwk".to_owned()],
        }),
        tls: Some((13, text("f1"))),
        credential: text("AK"),
        bucket: text("docs"),
        key: text("a/b"),
        source: text("docs/c"),
        object_id: text("aa"),
        asked_version: text("W"),
        version: text("V"),
        sealed_under: Some(("cc".to_owned(), "aes-256-gcm-siv")),
        purpose: Some("TREAT"),
        bytes_in: Some(1),
        bytes_out: Some(9),
        range: text("0-8"),
        status: Some(206),
        err: Some("Some".into()),
        params: text("h"),
        approvals: vec!["x".to_owned()],
        src: Some([192, 0, 2, 7].into()),
        // Too long, so that the line has `trunc`.
        ua: Some("u".repeat(1000)),
        duration: Some(Duration::from_millis(4)),
        digest: text("blake3:00"),
        reason: text("why"),
        receipt: text("r"),
        detail: json!({"a": "one"}).as_object().unwrap().clone(),
    };
    let directory = tempfile::tempdir().unwrap();
    let identity = std::sync::Arc::new(Identity::new("d", &[5; 32]));
    let settings = Settings {
        headroom: 0,
        ..Settings::default()
    };
    let journal = Journal::open(directory.path(), identity, settings, event.wall).unwrap();
    // The second of its chain, which names the one before.
    journal.record(&event, None).await.unwrap();
    let recorded = journal.record_line(&event, None).await.unwrap();
    serde_json::from_str(&recorded.line).unwrap()
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

#[tokio::test]
async fn nothing_of_a_line_is_lost() {
    let line = line().await;
    assert!(line.get("trunc").is_some(), "{line:#}");
    for (format, made) in [("ocsf", ocsf(&line)), ("cloudtrail", cloudtrail(&line))] {
        let (mut told, mut wanted) = (Vec::new(), Vec::new());
        leaves(&made, &mut told);
        leaves(&line, &mut wanted);
        // OCSF has numbers for the class and the time; CloudTrail a flag for the class, and the operation in two.
        let renamed: &[&str] = match format {
            "ocsf" => &["read", "1970-01-01T00:00:01.500Z"],
            _ => &["read", "s3:GetObject"],
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
/// its Other 99; Authentication 3002, its Logon 1, Logoff 2. A type is the class times a hundred and the activity.
#[tokio::test]
async fn classes_and_activities_are_those_of_ocsf() {
    let whole = line().await;
    let with = |changes: Value| {
        let mut line = whole.clone();
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
    assert_eq!(with(json!({"op": "sts:AssumeRole"})), 300_201);
    for (act, type_uid) in [
        (Act::SessionIssued, 300_201),
        (Act::SessionRefused, 300_201),
        (Act::SessionEnded, 300_202),
        (Act::SessionIdle, 300_202),
        (Act::SessionRevoked, 300_202),
    ] {
        let kind = Kind::Act(act).as_str();
        assert_eq!(with(json!({"kind": kind})), type_uid, "{kind}");
    }
    let event = ocsf(&whole);
    assert_eq!(event["time"], 1500);
    assert_eq!(event["status_id"], 1);
    assert_eq!(event["unmapped"]["sealed"], whole["sealed"]);
    assert_eq!(event["unmapped"]["actor"]["type"], "human");
}

#[tokio::test]
async fn refusals_show() {
    let mut line = line().await;
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

#[tokio::test]
async fn a_cloudtrail_record_names_tokens_where_names_would_be() {
    let line = line().await;
    let record = cloudtrail(&line);
    assert_eq!(record["eventName"], "GetObject");
    assert_eq!(record["eventSource"], "s3.amazonaws.com");
    assert_eq!(record["requestParameters"]["key"], line["obj"]["tok"]);
    let token = line["obj"]["tok"].as_str().unwrap();
    let arn = format!("arn:aws:s3:::docs/{token}");
    assert_eq!(record["resources"][0]["ARN"], arn);
    assert_eq!(record["readOnly"], true);
    assert_eq!(record["eventCategory"], "Data");
}
