//! A gateway whose root keys are in AWS KMS, as moto serves it, behind a proxy that answers as AWS does when
//! there is trouble: what clients are told, who is asked how often, and whom it concerns.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use integration_tests::gateway::{Gateway, Principal};
use integration_tests::hostile::{HostileStore, Message, Rule};
use integration_tests::moto::Moto;

/// A KMS with one key, and the proxy before it.
pub(crate) struct Kms {
    moto: Moto,
    pub(crate) proxy: HostileStore,
    key: String,
}

impl Kms {
    pub(crate) fn new() -> Self {
        let moto = Moto::start();
        let proxy = HostileStore::before(moto.endpoint());
        let key = moto.create_key();
        Self { moto, proxy, key }
    }

    /// A gateway with this KMS, these settings of `[kms]` and what follows its tables.
    pub(crate) fn gateway(&self, principals: &[Principal], settings: &str, more: &str) -> Gateway {
        Gateway::serve_edited(principals, |text| {
            let mut kms = format!("[kms]\n{settings}\n[kms.aws]\ntimeout_seconds = 6\n");
            let endpoint = self.proxy.endpoint();
            let _ = write!(kms, "key = \"{}\"\nendpoint = \"{endpoint}\"\n", self.key);
            text.replace(LOCAL_FILE, &format!("{kms}{more}"))
        })
    }

    /// How many unwraps it was asked for since the last call: of KEKs, and in all.
    fn unwraps(&self) -> (usize, u64) {
        let seen = self.proxy.seen();
        let unwraps = seen
            .iter()
            .filter(|(request, _)| request.header("x-amz-target") == Some("TrentService.Decrypt"));
        let of_kek = unwraps.clone().filter(|(request, _)| {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            body.contains("\"sof:purpose\":\"kek\"")
        });
        let all = u64::try_from(unwraps.count()).expect("not so many");
        (of_kek.count(), all)
    }
}

#[test]
fn clients_are_told_what_the_trouble_is_and_it_passes() {
    let kms = Kms::new();
    let gateway = kms.gateway(&[demo()], "cache_seconds = 1\nstale_seconds = 0", "");
    let client = |step: &[&str]| gateway.account().run_script("kms.py", step);
    client(&["write", "a"]);
    for (trouble, code) in [
        (nothing(), "SlowDown"),
        (fault(400, "ThrottlingException"), "SlowDown"),
        (fault(500, "KMSInternalException"), "SlowDown"),
        (slow(), "SlowDown"),
        (fault(400, "AccessDeniedException"), "KMS.AccessDenied"),
        (fault(400, "DisabledException"), "KMS.DisabledException"),
        (
            fault(400, "KMSInvalidStateException"),
            "KMS.KMSInvalidStateException",
        ),
        (fault(400, "NotFoundException"), "KeyNotFound"),
        (anothers(), "InternalError"),
    ] {
        kms.proxy.obey(trouble);
        client(&["refused", "a", code]);
        kms.proxy.relent();
        client(&["recovers", "a"]);
    }
}

#[test]
fn an_outage_is_bridged_and_a_refusal_ends_that() {
    let kms = Kms::new();
    let gateway = kms.gateway(&[demo()], "cache_seconds = 1", "");
    let client = |step: &[&str]| gateway.account().run_script("kms.py", step);
    client(&["write", "a"]);
    kms.proxy.obey(nothing());
    // Three times as long as a key is kept without asking.
    client(&["bridged", "a", "3"]);
    kms.proxy.obey(fault(400, "DisabledException"));
    client(&["refused", "a", "KMS.DisabledException"]);
}

#[test]
fn many_cold_reads_are_one_unwrap_and_warm_ones_none() {
    let kms = Kms::new();
    let mut gateway = kms.gateway(&[demo()], "", "");
    gateway.account().run_script("kms.py", &["write", "a"]);
    gateway.restart();
    kms.unwraps();
    let cold = told(&gateway);
    gateway
        .account()
        .run_script("kms.py", &["burst", "a", "1000"]);
    let (of_kek, all) = kms.unwraps();
    let warm = told(&gateway);
    assert_eq!(of_kek, 1);
    // What is scraped is what the service was asked.
    assert_eq!(warm.unwraps - cold.unwraps, all);
    assert!(
        warm.misses > cold.misses && warm.size > cold.size,
        "{warm:?}"
    );
    gateway
        .account()
        .run_script("kms.py", &["burst", "a", "100"]);
    assert_eq!(kms.unwraps(), (0, 0));
    let after = told(&gateway);
    assert_eq!((after.unwraps, after.misses), (warm.unwraps, warm.misses));
    assert!(after.hits >= warm.hits + 100, "{warm:?} {after:?}");
    gateway.account().run_script("kms.py", &["write", "b"]);
    assert_eq!(kms.unwraps().0, 0);
}

/// What a scrape tells of keys.
#[derive(Debug)]
struct Told {
    unwraps: u64,
    hits: u64,
    misses: u64,
    size: u64,
}

fn told(gateway: &Gateway) -> Told {
    let requests = |answer: &str| {
        let name = format!("sealgate_key_cache_requests_total{{answer=\"{answer}\"}}");
        gateway.sample(&name).expect("it is told")
    };
    let unwraps =
        "sealgate_kms_calls_total{provider=\"aws-kms\",operation=\"unwrap\",outcome=\"done\"}";
    Told {
        unwraps: gateway.sample(unwraps).unwrap_or(0),
        hits: requests("hit"),
        misses: requests("miss"),
        size: gateway
            .sample("sealgate_key_cache_size")
            .expect("it is told"),
    }
}

#[test]
fn a_second_provider_serves_when_the_first_is_gone() {
    let kms = Kms::new();
    let second = "[kms.second.dangerous_local_file]\npath = \"root-keys\"\n";
    let mut gateway = kms.gateway(&[demo()], "", second);
    gateway.account().run_script("kms.py", &["write", "a"]);
    kms.proxy.obey(nothing());
    gateway.restart();
    gateway.account().run_script("kms.py", &["read", "a"]);
    gateway.account().run_script("kms.py", &["write", "b"]);
    gateway.account().run_script("kms.py", &["read", "b"]);
    // And without it in the configuration.
    gateway.reconfigure(|text| {
        let (before, rest) = text.split_once("[kms]").expect("there is a table");
        let (_, after) = rest.split_once("[kms.second.").expect("there is a second");
        format!("{before}[kms.{after}")
    });
    gateway.account().run_script("kms.py", &["read", "a"]);
}

#[test]
fn a_tenant_that_holds_its_own_key_revokes_itself_only() {
    let kms = Kms::new();
    let own = kms.moto.create_key();
    let (clinic, lab) = (
        Principal::new("clinic", "clinic-admin", "tenant-admin"),
        Principal::new("lab", "lab-admin", "tenant-admin"),
    );
    let principals = [clinic, lab.clone()];
    let mut gateway = kms.gateway(&principals, "cache_seconds = 1", "");
    gateway.reconfigure(|text| {
        let id = "id = \"clinic\"\n";
        text.replace(id, &format!("{id}kms_key = \"{own}\"\n"))
    });
    let clinic = gateway.account();
    let lab = clinic.with(lab.credentials);
    clinic.run_script("kms.py", &["write", "a"]);
    lab.run_script("kms.py", &["write", "a"]);
    let denied = fault(400, "AccessDeniedException");
    kms.proxy.obey(Arc::new(move |request, ask| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        if body.contains(&own) {
            denied(request, ask)
        } else {
            ask()
        }
    }));
    clinic.run_script("kms.py", &["refused", "a", "KMS.AccessDenied"]);
    lab.run_script("kms.py", &["bridged", "a", "3"]);
    clinic.run_script("kms.py", &["refused", "a", "KMS.AccessDenied"]);
    kms.proxy.relent();
    clinic.run_script("kms.py", &["recovers", "a"]);
}

#[test]
fn scopes_have_keys_of_their_own_and_outlive_their_template() {
    let scoped = "[[tenants.buckets]]\nname = \"scoped\"\nkey_scope = \"clinics/{scope}/\"\n";
    let mut gateway = Gateway::serve_edited(&[demo()], |text| format!("{text}{scoped}"));
    gateway.account().run_script("kms_scopes.py", &["write"]);
    gateway.restart();
    gateway.account().run_script("kms_scopes.py", &["read"]);
    gateway.reconfigure(|text| text.replace("clinics/{scope}/", "{scope}/"));
    gateway.account().run_script("kms_scopes.py", &["read"]);
    gateway.reconfigure(|text| {
        text.replace("key_scope = \"{scope}/\"", "")
            .replace("[[tenants.buckets]]\nname = \"scoped\"\n", "")
    });
    gateway.account().run_script("kms_scopes.py", &["read"]);
}

pub(crate) fn demo() -> Principal {
    Principal::new("demo", "demo-admin", "tenant-admin")
}

/// The connection is closed instead of an answer.
pub(crate) fn nothing() -> Rule {
    Arc::new(|_, _| Message::default())
}

/// An error as AWS KMS words it.
pub(crate) fn fault(status: u16, kind: &'static str) -> Rule {
    Arc::new(move |_, _| {
        let mut answer = Message {
            start: format!("HTTP/1.1 {status} Fault"),
            ..Message::default()
        };
        answer.set("content-type", "application/x-amz-json-1.1");
        let text = format!("{{\"__type\":\"{kind}\",\"message\":\"as the test wished\"}}");
        answer.set_body(text.into_bytes());
        answer
    })
}

/// Longer than the gateway waits.
fn slow() -> Rule {
    Arc::new(|_, ask| {
        std::thread::sleep(Duration::from_secs(7));
        ask()
    })
}

/// A true answer, but for the name of the key that gave it.
fn anothers() -> Rule {
    Arc::new(|_, ask| {
        let mut answer = ask();
        let body = String::from_utf8_lossy(&answer.body).replace(":key/", ":key/0");
        answer.set_body(body.into_bytes());
        answer
    })
}

const LOCAL_FILE: &str = "[kms.dangerous_local_file]\npath = \"root-keys.json\"\n";
