//! A server process that does not outlive the tests, whatever ends them. It knows no server.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// A running server, killed when dropped and by the kernel when the test binary ends.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with `arguments`; both its outputs go to the file `log`.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(program: &Path, arguments: &[&str], log: &Path) -> Self {
        let output = File::create(log).expect("the log file can be written");
        let errors = output.try_clone().expect("the log file can be shared");
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let name = program
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let child = spawn(command).unwrap_or_else(|error| {
            panic!("{name} did not start (by util-linux's setpriv): {error}")
        });
        Self {
            child,
            name,
            log: log.to_owned(),
        }
    }

    /// Waits until `ready` finds what it looks for in the log and returns that.
    ///
    /// # Panics
    /// If the process ends first or `limit` passes, with the end of its log.
    pub fn wait_for<T>(&mut self, limit: Duration, ready: impl Fn(&str) -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = ready(&self.log()) {
                return found;
            }
            let ended = self.child.try_wait().expect("a child can be asked");
            if let Some(status) = ended {
                panic!("{} ended with {status}:\n{}", self.name, self.log_end());
            }
            assert!(
                started.elapsed() < limit,
                "{} was not ready after {limit:?}:\n{}",
                self.name,
                self.log_end()
            );
            thread::sleep(POLL);
        }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process as `kill -9` does and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the process to end as Ctrl-C does and waits until it has.
    ///
    /// # Panics
    /// If it has not ended within `limit`.
    pub fn interrupt(&mut self, limit: Duration) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "no signal to {}",
            self.name
        );
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            assert!(
                started.elapsed() < limit,
                "{} still runs {limit:?} after Ctrl-C:\n{}",
                self.name,
                self.log_end()
            );
            thread::sleep(POLL);
        }
    }

    /// The most memory the process has held at once, in bytes (`VmHWM`).
    ///
    /// # Panics
    /// If the process has ended.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("a running process has a status");
        let kibibytes: u64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|value| value.trim().trim_end_matches(" kB").parse().ok())
            .expect("a running process has a peak");
        kibibytes * 1024
    }

    /// The processor time the process and its ended children have used, in seconds, user and system.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))
            .expect("a running process has a stat");
        // proc(5): the name in parentheses is field 2 and may hold spaces; utime, stime, cutime and
        // cstime are fields 14 to 17.
        let (_, fields) = stat.rsplit_once(')').expect("a stat has a name");
        let ticks = fields.split_whitespace().skip(11).take(4);
        let ticks = ticks.map(|field| field.parse::<u32>().expect("ticks are a number"));
        f64::from(ticks.sum::<u32>()) / TICKS_PER_SECOND
    }

    /// What the process has written so far.
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The last lines of the log, for the message of a failed test.
    pub fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let kept = lines.iter().skip(lines.len().saturating_sub(LOG_LINES));
        kept.copied().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

type Order = (Command, Sender<std::io::Result<Child>>);

/// Spawns on one thread that lives as long as the test binary: the kernel sends the death signal
/// when the spawning *thread* ends, and a test's thread ends with its test.
fn spawn(command: Command) -> std::io::Result<Child> {
    static SPAWNER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, received) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in received {
                // A test that gave up waiting needs no answer.
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let (reply, child) = mpsc::channel();
    spawner
        .lock()
        .expect("no spawn panics")
        .send((command, reply))
        .expect("the spawner lives as long as the tests");
    child.recv().expect("the spawner answers")
}

const POLL: Duration = Duration::from_millis(20);
// Linux reports in USER_HZ, which is 100 on every architecture we build for.
const TICKS_PER_SECOND: f64 = 100.0;
const LOG_LINES: usize = 40;
