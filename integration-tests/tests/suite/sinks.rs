//! The trail is passed on: each line at least once and in order, whatever is killed meanwhile, and nobody waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use integration_tests::administered::Administered;
use integration_tests::gateway::{Gateway, Principal};
use integration_tests::nats::Nats;
use integration_tests::process::Process;
use integration_tests::world::World;
use integration_tests::{port, tools};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn a_file_gets_every_line_though_the_gateway_is_killed() {
    let mut gateway = serve("kind = \"lines\"\npath = \"told.jsonl\"\n");
    work(&gateway, "before");
    gateway.restart();
    work(&gateway, "after");
    gateway.restart();
    let told = gateway.directory().join("told.jsonl");
    let read = || lines(&told);
    all_told(&gateway, &read);
    // As it is on the trail, byte for byte.
    let kept: BTreeSet<String> = stored(&gateway).into_iter().collect();
    let text = fs::read_to_string(&told).expect("it is there");
    assert!(text.lines().all(|line| kept.contains(line)));
    names_are_sealed(&text);
}

#[test]
fn other_formats_seal_names_too() {
    for format in ["ocsf", "cloudtrail"] {
        let sink = format!("kind = \"lines\"\npath = \"told.jsonl\"\nformat = \"{format}\"\n");
        let mut gateway = serve(&sink);
        work(&gateway, "formats");
        gateway.restart();
        let told = gateway.directory().join("told.jsonl");
        let ids = journal_ids(&gateway);
        wait("all are told", || {
            let text = fs::read_to_string(&told).unwrap_or_default();
            ids.iter().all(|id| text.contains(id.as_str()))
        });
        names_are_sealed(&fs::read_to_string(&told).expect("it is there"));
    }
}

/// The reader of a pipe stops: the sink is stuck for good, and the gateway ends all the same when it is told to.
#[test]
fn an_output_that_nobody_reads_does_not_keep_it_from_ending() {
    let mut gateway = serve("kind = \"lines\"\npath = \"-\"\n");
    for bucket in ["one", "two", "three"] {
        work(&gateway, bucket);
    }
    gateway.process_mut().kill();
    // Everything is told once more, from the beginning.
    let _ = fs::remove_file(gateway.directory().join("audit/sinks/told.cursor"));
    let mut stuck = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .arg(tools::gateway())
        .args(["serve", "--config"])
        .arg(gateway.config())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let output = stuck.stdout.take().expect("it has an output");
    let waiting = || rustix::io::ioctl_fionread(&output).expect("a pipe says what is in it");
    wait("the pipe is full", || waiting() > 60_000);
    let id = stuck.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let mut ended = None;
    wait("it ends", || {
        ended = stuck.try_wait().expect("a child can be asked");
        ended.is_some()
    });
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
}

/// Each way to put events into requests; the receiver verifies signatures and is out of order for a while.
#[test]
fn a_webhook_gets_every_event_signed() {
    for mode in ["batch", "structured", "binary"] {
        let receiver = Receiver::start("webhook", &[SECRET]);
        let sink = format!(
            "kind = \"webhook\"\nurl = \"http://127.0.0.1:{}/events?a=b\"\nsecret = \"{SECRET}\"\nmode = \"{mode}\"\n",
            receiver.port
        );
        let mut gateway = serve(&sink);
        work(&gateway, "first");
        fs::write(receiver.refuse(), "").expect("a file can be written");
        // Nobody waits for the sink.
        work(&gateway, "second");
        gateway.restart();
        let failures = "sealgate_audit_sink_failures_total{sink=\"told\"}";
        wait("it is seen to fail", || gateway.sample(failures) > Some(0));
        let lag = "sealgate_audit_sink_lag_events{sink=\"told\"}";
        wait("it is seen to lag", || gateway.sample(lag) > Some(0));
        fs::remove_file(receiver.refuse()).expect("it is there");
        let told = || {
            lines(&receiver.file)
                .into_iter()
                .map(|event| event["data"].clone())
                .collect()
        };
        all_told(&gateway, &told);
        wait("it lags no more", || {
            gateway.sample("sealgate_audit_sink_lag_seconds{sink=\"told\"}") == Some(0)
        });
    }
}

/// The security officer is told of emergencies and of nothing else, whatever happens meanwhile.
#[test]
fn who_asks_for_emergencies_gets_emergencies_only() {
    let receiver = Receiver::start("webhook", &[SECRET]);
    let sink = format!(
        "[[audit.sinks]]\nname = \"told\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}/notices\"\nsecret = \"{SECRET}\"\nonly = [\"emergencies\"]\ntenants = [\"demo\"]\n",
        receiver.port
    );
    let principals = [
        Principal::new("demo", "demo-admin", "tenant-admin"),
        Principal::new("lab", "lab-admin", "tenant-admin"),
    ];
    let mut served = Administered::serve_configured(&principals, &sink);
    work(&served.gateway, "before");
    let declare = |served: &Administered, tenant: &str| {
        let reason = "the patient is unconscious and alone";
        let declare = [
            "emergency",
            "declare",
            tenant,
            "demo-admin",
            "--reason",
            reason,
        ];
        served.json("ada", &declare)
    };
    // Refused at first: it is told all the same.
    fs::write(receiver.refuse(), "").expect("a file can be written");
    let declared_here = declare(&served, "demo");
    declare(&served, "lab");
    let failures = "sealgate_audit_sink_failures_total{sink=\"told\"}";
    wait("it is seen to fail", || {
        served.gateway.sample(failures) > Some(0)
    });
    fs::remove_file(receiver.refuse()).expect("it is there");
    let told = || -> Vec<Value> {
        let events = lines(&receiver.file).into_iter();
        events.map(|event| event["data"].clone()).collect()
    };
    let declared =
        |event: &Value| event["op"] == "admin:DeclareEmergency" && event["kind"] == "outcome";
    wait("the declaration is told", || told().iter().any(declared));
    // What is done while the glass is broken is told, too.
    let scratch = World::get().scratch();
    let under = |event: &Value| !event["detail"]["emergency"].is_null();
    wait("an access under it is told", || {
        served
            .gateway
            .account()
            .run_aws(scratch.path(), &["s3", "ls"]);
        told().iter().any(under)
    });
    let id = declared_here["emergency"]["id"].as_str();
    let id = id.expect("an emergency has an id");
    served.json("ada", &["emergency", "end", "demo", id]);
    let ended = |event: &Value| event["op"] == "admin:EndEmergency" && event["kind"] == "outcome";
    wait("its end is told", || told().iter().any(ended));
    let cursor = served.gateway.directory().join("audit/sinks/told.cursor");
    assert!(cursor.exists());
    served.gateway.restart();
    // The glass is whole again, within five seconds.
    wait("it is worked again", || {
        let mut made = served.gateway.account().program(&tools::tool("aws"));
        let made = made.args(["s3", "mb", "s3://after"]).output();
        made.is_ok_and(|made| made.status.success())
    });
    wait("it has caught up", || {
        served
            .gateway
            .sample("sealgate_audit_sink_lag_events{sink=\"told\"}")
            == Some(0)
    });
    for event in told() {
        let is_one = event["op"]
            .as_str()
            .is_some_and(|op| op.contains("Emergency"))
            || !event["detail"]["emergency"].is_null();
        assert!(is_one && event["tenant"] == "demo", "{event}");
    }
}

#[test]
fn syslog_gets_every_message() {
    let mut receiver = Receiver::start("syslog", &[]);
    let address = format!("address = \"127.0.0.1:{}\"\ntls = false\n", receiver.port);
    let mut gateway = serve(&format!("kind = \"syslog\"\n{address}"));
    work(&gateway, "first");
    receiver.kill();
    work(&gateway, "second");
    gateway.restart();
    receiver.restart();
    all_told(&gateway, &|| lines(&receiver.file));
}

#[test]
fn syslog_goes_over_tls() {
    let directory = World::get().scratch();
    let authority = World::get().authority();
    let pair = authority.issue(directory.path());
    let (certificate, key) = (pair.certificate.display(), pair.key.display());
    let receiver = Receiver::start("syslog", &[&certificate.to_string(), &key.to_string()]);
    let mut gateway = serve(&format!(
        "kind = \"syslog\"\naddress = \"localhost:{}\"\nca_file = \"{}\"\n",
        receiver.port,
        authority.file().display()
    ));
    work(&gateway, "secured");
    gateway.restart();
    all_told(&gateway, &|| lines(&receiver.file));
}

/// The broker is killed amid the stream and comes back; then the gateway forgets what it noted, as if it had been
/// killed between telling and noting. No event is lost, and none is kept twice.
#[test]
fn jetstream_gets_every_event_and_keeps_it_once() {
    let mut nats = Nats::start();
    nats.create_stream("AUDIT", "sealgate.audit");
    let mut gateway = serve(&format!(
        "kind = \"jetstream\"\nurl = \"{}\"\nstream = \"AUDIT\"\nsynced = true\n",
        nats.url()
    ));
    work(&gateway, "first");
    gateway.restart();
    let delivered = "sealgate_audit_sink_delivered_events_total{sink=\"told\"}";
    wait("it is told", || gateway.sample(delivered) > Some(0));
    let cursor = gateway.directory().join("audit/sinks/told.cursor");
    let early = fs::read(&cursor).expect("it noted how far it is");
    nats.kill();
    work(&gateway, "second");
    gateway.restart();
    nats.restart();
    let told = |nats: &Nats| -> Vec<Value> {
        let messages = nats.messages("AUDIT");
        let data = messages.iter().map(|message| message.data.as_str());
        data.map(|data| serde_json::from_str(data).expect("an event is JSON"))
            .collect()
    };
    // Sent ahead of their answers, those of one batch may change places when the broker dies.
    all_told_within(&gateway, &|| told(&nats), 256);
    let before = gateway.sample(delivered);
    gateway.process_mut().kill();
    fs::write(&cursor, early).expect("a file can be written");
    gateway.restart();
    wait("it is told once more", || {
        gateway.sample(delivered) > before.max(Some(20))
    });
    let messages = nats.messages("AUDIT");
    let mut ids = BTreeSet::new();
    for message in &messages {
        let event: Value = serde_json::from_str(&message.data).expect("an event is JSON");
        let id = event["id"].as_str().expect("an event has an id").to_owned();
        assert!(
            message.headers.contains(&format!("Nats-Msg-Id: {id}\r\n")),
            "{message:?}"
        );
        assert!(
            message.headers.contains("ce-specversion: 1.0\r\n"),
            "{message:?}"
        );
        assert!(
            message.subject.starts_with("sealgate.audit."),
            "{message:?}"
        );
        assert!(ids.insert(id), "kept twice: {message:?}");
    }
    assert!(
        messages
            .iter()
            .any(|message| message.subject == "sealgate.audit.clinic.outcome")
    );
}

/// Where the configuration asks for it, what is answered is in the stream by then, ahead of any checkpoint; while the broker
/// is away nothing is served, and nothing has to be restarted. The sink tells the stream again, which keeps it once.
#[test]
fn what_the_stream_must_have_is_in_it_when_it_is_answered() {
    let mut nats = Nats::start();
    nats.create_stream("AUDIT", "sealgate.audit");
    let sink = format!(
        "kind = \"jetstream\"\nurl = \"{}\"\nstream = \"AUDIT\"\nsynced = true\n",
        nats.url()
    );
    let principals = [Principal::new("clinic", "clinic-admin", "tenant-admin")];
    let gateway = Gateway::serve_edited(&principals, |text| {
        let text = text.replacen("[audit]\n", "[audit]\nack = \"stream\"\n", 1);
        format!("{text}[[audit.sinks]]\nname = \"told\"\n{sink}")
    });
    let kept = |nats: &Nats| -> Vec<String> {
        let messages = nats.messages("AUDIT").into_iter();
        let event = |data: &str| serde_json::from_str::<Value>(data).expect("an event is JSON");
        messages
            .map(|message| event(&message.data)["id"].to_string())
            .collect()
    };
    let script = |step| {
        gateway
            .account()
            .run_script("unrecorded.py", &[step, "acked"])
    };
    script("before");
    // Nobody waits for how a read that streamed ended.
    let answered = |line: &Value| {
        line["class"] == "write" || line["kind"] == "intent" || line["kind"] == "complete"
    };
    let journal = gateway.journal();
    let answered = journal.iter().filter(|line| answered(line));
    let answered: Vec<String> = answered.map(|line| line["id"].to_string()).collect();
    let had = kept(&nats);
    assert!(answered.len() > 5, "{answered:?}");
    assert!(answered.iter().all(|id| had.contains(id)), "{had:?}");

    nats.kill();
    script("without");
    assert_eq!(gateway.watched("/readyz").status(), 503);
    nats.restart();
    wait("it is ready again", || {
        gateway.watched("/readyz").status() == 200
    });
    script("after");
    let ids: Vec<String> = gateway
        .journal()
        .iter()
        .map(|line| line["id"].to_string())
        .collect();
    wait("all are told", || {
        let had = kept(&nats);
        ids.iter().all(|id| had.contains(id))
    });
    let had = kept(&nats);
    let once: BTreeSet<&String> = had.iter().collect();
    assert_eq!(once.len(), had.len(), "kept twice");
}

/// A stream that may lose what it acknowledged is told of; one that is not there is waited for, and meanwhile
/// everybody is served.
#[test]
fn a_weak_or_missing_stream_is_told_of() {
    let nats = Nats::start();
    let gateway = serve(&format!(
        "kind = \"jetstream\"\nurl = \"{}\"\nstream = \"AUDIT\"\n",
        nats.url()
    ));
    work(&gateway, "served");
    wait("its absence is told", || {
        gateway.process().log().contains("of stream AUDIT")
    });
    nats.create_stream("AUDIT", "sealgate.audit");
    wait("its weakness is told", || {
        gateway
            .process()
            .log()
            .contains("nobody vouches for `sync_interval: always`")
    });
}

fn serve(sink: &str) -> Gateway {
    let principals = [Principal::new("clinic", "clinic-admin", "tenant-admin")];
    Gateway::serve_edited(&principals, |text| {
        format!("{text}[[audit.sinks]]\nname = \"told\"\n{sink}")
    })
}

fn work(gateway: &Gateway, bucket: &str) {
    gateway.account().run_script("objects.py", &[bucket]);
}

/// Waits until every line of runs that have ended is told, and says of each log that its lines came in order.
fn all_told(gateway: &Gateway, told: &dyn Fn() -> Vec<Value>) {
    all_told_within(gateway, told, 0);
}

/// The same of lines that may come as many places too early.
fn all_told_within(gateway: &Gateway, told: &dyn Fn() -> Vec<Value>, early: u64) {
    let ids = journal_ids(gateway);
    assert!(ids.len() > 50, "{}", ids.len());
    wait("all are told", || {
        let told = told();
        let told: BTreeSet<&str> = told
            .iter()
            .filter_map(|event| event["id"].as_str())
            .collect();
        ids.iter().all(|id| told.contains(id.as_str()))
    });
    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    for event in told() {
        let seq = event["seq"].as_u64().expect("a line has a number");
        let next = next.entry(event["log"].to_string()).or_default();
        assert!(
            seq <= *next + early,
            "line {next} is told after line {seq}: {event}"
        );
        *next = (*next).max(seq + 1);
    }
}

/// The ids of all lines that are on the trail now, of logs that a crash or a stop ended: those are signed at once.
fn journal_ids(gateway: &Gateway) -> BTreeSet<String> {
    let lines = gateway.journal();
    let journal = gateway.directory().join("audit");
    // Not by their names: how those sort hangs on a clock, which may be set back.
    let has_ended = |log: &str| journal.join(log).join("closed").exists();
    let ended = lines
        .iter()
        .filter(|line| line["log"].as_str().is_some_and(has_ended));
    ended
        .filter_map(|line| line["id"].as_str().map(str::to_owned))
        .collect()
}

fn stored(gateway: &Gateway) -> Vec<String> {
    let mut lines = Vec::new();
    integration_tests::gateway::find(&gateway.directory().join("audit"), &mut |path| {
        if path.extension().is_some_and(|end| end == "jsonl") {
            let text = fs::read_to_string(path).expect("it can be read");
            // Zeros are room for more lines.
            let whole = text.trim_end_matches('\0');
            lines.extend(whole.lines().map(str::to_owned));
        }
    });
    lines
}

fn names_are_sealed(text: &str) {
    assert!(text.len() > 10_000, "{}", text.len());
    // Too long for base64 to make them by chance.
    for name in ["described", "clinic-admin", "127.0.0.1", "Botocore/"] {
        assert!(!text.contains(name), "{name} is told in clear");
    }
}

/// Events a receiver kept; a line that is being written is not read yet.
fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event is JSON"))
        .collect()
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_mins(1);
    while !done() {
        assert!(Instant::now() < limit, "not after a minute: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// `receiver.py`, and the file in which it keeps what it is told.
struct Receiver {
    port: u16,
    file: PathBuf,
    arguments: Vec<String>,
    process: Process,
    directory: TempDir,
}

impl Receiver {
    fn start(kind: &str, more: &[&str]) -> Self {
        let directory = World::get().scratch();
        let file = directory.path().join("received.jsonl");
        let port = port::free();
        let script = tools::script("receiver.py").display().to_string();
        let (number, path) = (port.to_string(), file.display().to_string());
        let arguments = [&[&script, kind, &number, &path], more].concat();
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let process = run(&arguments, directory.path());
        Self {
            port,
            file,
            arguments,
            process,
            directory,
        }
    }

    fn kill(&mut self) {
        self.process.kill();
    }

    fn restart(&mut self) {
        self.process = run(&self.arguments, self.directory.path());
    }

    /// While this file is there, it refuses.
    fn refuse(&self) -> PathBuf {
        self.directory.path().join("received.jsonl.refuse")
    }
}

fn run(arguments: &[String], directory: &Path) -> Process {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let python = tools::tool("python");
    let mut process = Process::start(&python, &arguments, &directory.join("receiver.log"));
    process.wait_for(Duration::from_mins(1), |log| {
        log.lines().any(|line| line == "ready").then_some(())
    });
    process
}

const SECRET: &str = "a-secret-of-the-tests-only-0123456789";
