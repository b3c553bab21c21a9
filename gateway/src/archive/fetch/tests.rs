//! What is fetched where some of it cannot be had.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};

use super::listing::Piece;
use super::*;
use crate::clock::Clock;
use crate::config::UpstreamConfig;
use crate::upstream::{BoxError, StoreRequestBody, TransportError, Upstream};

/// A store that gives one line of each object, but refuses some and has one that is far too large.
fn store() -> Upstream {
    let service = tower::service_fn(|request: http::Request<StoreRequestBody>| async move {
        let (status, body) = match request.uri().path().rsplit('/').next() {
            Some("refused") => (403, Vec::new()),
            Some("broken") => (500, Vec::new()),
            Some("large") => (200, vec![b'x'; 17 * 1024 * 1024]),
            _ => (200, b"line\n".to_vec()),
        };
        let body = Full::from(body).map_err(|never| BoxError::from(never.to_string()));
        let response = http::Response::builder().status(status);
        let response = response.body(body.boxed_unsync());
        response.map_err(|_| TransportError("no answer".into()))
    });
    Upstream::new(
        tower::util::BoxCloneSyncService::new(service),
        "http://store.invalid",
        None,
        Duration::from_secs(5),
        Clock::system(),
    )
}

#[tokio::test]
async fn what_cannot_be_had_is_counted_and_the_rest_is_fetched() {
    let directory = tempfile::tempdir().unwrap();
    let at = UpstreamConfig::Embedded {
        path: "store".into(),
    };
    let bucket = ArchiveBucket::new((store(), &at), "b", "", "d");
    let fetching = Fetching {
        bucket: &bucket,
        to: directory.path(),
        unread: AtomicU64::default(),
    };
    let place = |name: &str| Place {
        name: name.to_owned(),
        version: None,
    };
    let pieces = ["refused", "broken", "large", "good"];
    let log = Log {
        certificate: Some(place("refused")),
        pieces: (0..)
            .zip(pieces)
            .map(|(first, name)| Piece {
                first,
                place: place(name),
            })
            .collect(),
        ..Log::default()
    };
    let identity = Identity::new("d", &[7; 32]);
    let lines = fetching.log("l-1", &log, &identity).await.unwrap();
    assert_eq!(lines, 1);
    assert_eq!(fetching.unread.into_inner(), 4);
}
