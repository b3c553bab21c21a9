//! What a change changes: the members that differ between two JSON values, for people to look at before and after.

use serde::Serialize;
use serde_json::Value;

/// One member that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    /// Where: `roles`, `attributes.clinicId`.
    pub(super) path: String,
    /// What it was; null where there was nothing.
    pub(super) before: Value,
    /// What it is now; null where there is nothing.
    pub(super) after: Value,
}

/// All members that differ, by path. Lists are compared as wholes.
pub(super) fn changes(before: &impl Serialize, after: &impl Serialize) -> Vec<Change> {
    let value = |of: Result<Value, serde_json::Error>| of.unwrap_or(Value::Null);
    let mut found = Vec::new();
    compare(
        "",
        &value(serde_json::to_value(before)),
        &value(serde_json::to_value(after)),
        &mut found,
    );
    found
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let empty = serde_json::Map::new();
    let members = |value: &Value| match value {
        Value::Object(members) => Some(members.clone()),
        Value::Null if path.is_empty() => Some(empty.clone()),
        _ => None,
    };
    let (Some(old), Some(new)) = (members(before), members(after)) else {
        found.push(Change {
            path: path.to_owned(),
            before: before.clone(),
            after: after.clone(),
        });
        return;
    };
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let inner = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let of = |members: &serde_json::Map<String, Value>| {
            members.get(name).cloned().unwrap_or(Value::Null)
        };
        compare(&inner, &of(&old), &of(&new), found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_told_with_its_path() {
        let before =
            json!({"roles": ["reader"], "attributes": {"a": "1", "b": "2"}, "disabled": false});
        let after =
            json!({"roles": ["writer"], "attributes": {"a": "1", "c": "3"}, "disabled": false});
        let told: Vec<_> = changes(&before, &after)
            .into_iter()
            .map(|change| (change.path, change.before, change.after))
            .collect();
        assert_eq!(
            told,
            [
                ("attributes.b".to_owned(), json!("2"), Value::Null),
                ("attributes.c".to_owned(), Value::Null, json!("3")),
                ("roles".to_owned(), json!(["reader"]), json!(["writer"])),
            ]
        );
        assert_eq!(changes(&before, &before), []);
        let made = changes(&Value::Null, &json!({"kind": "human"}));
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].path, "kind");
    }
}
