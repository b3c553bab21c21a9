//! Signing keys kept for their day, so that a request costs one HMAC and not five. It must not know
//! requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::key::{SecretKey, SigningKey};
use super::scope::Scope;

/// At most 1024 signing keys by access key id and scope.
#[derive(Debug, Default)]
pub(super) struct DayKeys(Mutex<HashMap<(String, String), Entry>>);

#[derive(Debug)]
struct Entry {
    secret: Arc<SecretKey>,
    key: SigningKey,
}

impl DayKeys {
    /// The signing key of `secret` for the scope, whose day is that of `time`.
    pub(super) fn get(
        &self,
        access_key_id: &str,
        secret: &Arc<SecretKey>,
        time: SystemTime,
        scope: &Scope,
    ) -> SigningKey {
        let name = (access_key_id.to_owned(), scope.to_string());
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A secret may be replaced under the same access key id; the old one's keys must die with
        // it.
        if let Some(entry) = keys.get(&name).filter(|entry| entry.secret.is(secret)) {
            return entry.key.clone();
        }
        let key = SigningKey::derive(secret, time, &scope.region, scope.service.name());
        if keys.len() >= CAPACITY {
            // Days end all at once, so forgetting everything now and then is as good as any order
            // of eviction.
            keys.clear();
        }
        keys.insert(
            name,
            Entry {
                secret: Arc::clone(secret),
                key: key.clone(),
            },
        );
        key
    }
}

const CAPACITY: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigv4::scope::Service;

    #[test]
    fn a_replaced_secret_does_not_get_the_old_key() {
        let keys = DayKeys::default();
        let scope = Scope {
            day: "19700101".to_owned(),
            region: "us-east-1".to_owned(),
            service: Service::S3,
        };
        let sign = |secret: &str| {
            let secret = Arc::new(SecretKey::new(secret));
            keys.get("AK", &secret, SystemTime::UNIX_EPOCH, &scope)
                .sign(b"text")
                .as_hex()
                .to_owned()
        };
        let first = sign("one");
        assert_eq!(first, sign("one"));
        assert_ne!(first, sign("two"));
        assert_eq!(first, sign("one"));
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let keys = DayKeys::default();
        let secret = Arc::new(SecretKey::new("secret"));
        let scope = Scope {
            day: "19700101".to_owned(),
            region: "us-east-1".to_owned(),
            service: Service::S3,
        };
        for number in 0..CAPACITY + 10 {
            keys.get(&number.to_string(), &secret, SystemTime::UNIX_EPOCH, &scope);
        }
        assert!(keys.0.lock().unwrap().len() <= CAPACITY);
    }
}
