//! What an operator watches: numbers that follow what clients did, and whether the gateway lives.

use std::time::{Duration, Instant};

use integration_tests::gateway::{Gateway, Principal, Upstream};

use crate::on_both_upstreams;

on_both_upstreams! {
    follows_what_clients_do => counted;
}

fn counted(upstream: Upstream) {
    let gateway = Gateway::serve(
        upstream,
        &[Principal::new("demo", "demo-admin", "tenant-admin")],
    );
    assert_eq!(gateway.watched("/healthz").status(), 200);
    assert_eq!(gateway.watched("/readyz").status(), 200);
    assert_eq!(gateway.watched("/").status(), 404);
    assert_eq!(requests(&gateway, "PutObject", "2xx"), None);
    assert_eq!(gateway.sample("sealgate_sent_bytes_total"), Some(0));

    // One PUT and one GET of 700 000 bytes, a GET of an object that is not there, and a request of nobody.
    gateway
        .account()
        .run_script("telemetry.py", &["watched", "700000"]);
    assert_eq!(requests(&gateway, "PutObject", "2xx"), Some(1));
    assert_eq!(requests(&gateway, "GetObject", "2xx"), Some(1));
    assert_eq!(requests(&gateway, "GetObject", "4xx"), Some(2));
    // Bodies have framing and error documents beside the bytes of objects, and not as many again.
    for moved in ["received", "sent"] {
        let bytes = gateway.sample(&format!("sealgate_{moved}_bytes_total"));
        assert!(
            bytes.is_some_and(|bytes| (700_000..800_000).contains(&bytes)),
            "{moved}: {bytes:?}"
        );
    }
    let patience = Instant::now() + Duration::from_mins(1);
    while gateway.sample("sealgate_requests_in_flight") != Some(0) {
        assert!(
            Instant::now() < patience,
            "requests seem to be in flight for ever"
        );
    }
    let metrics = String::from_utf8(gateway.watched("/metrics").body).expect("metrics are text");
    for private in ["watched", "demo", "a key"] {
        assert!(!metrics.contains(private), "{private} in {metrics}");
    }
}

fn requests(gateway: &Gateway, operation: &str, status: &str) -> Option<u64> {
    gateway.sample(&format!(
        "sealgate_requests_total{{operation=\"{operation}\",status=\"{status}\"}}"
    ))
}
