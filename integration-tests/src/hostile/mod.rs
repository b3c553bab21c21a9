//! A store that does what its attacker wants: a proxy before the real one that keeps what it saw and answers
//! by rules. The gateway's signatures stay good, because the real store sees the very same headers.

mod message;
mod pause;
mod stored;

use std::fmt;
use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

pub use message::Message;
pub use pause::{Pause, When};
pub use stored::{Stored, bounds};

/// What is answered to a request; the function given with it asks the real store. An answer without a start
/// line is none: the connection is closed instead.
pub type Rule = Arc<dyn Fn(&Message, &dyn Fn() -> Message) -> Message + Send + Sync>;

/// The proxy; it lives as long as the test binary.
#[derive(Debug)]
pub struct HostileStore {
    endpoint: String,
    hung_up: Mutex<Receiver<String>>,
    state: Arc<State>,
}

struct State {
    /// Host and port of the real store.
    real: String,
    rule: Mutex<Option<Rule>>,
    seen: Mutex<Vec<(Message, Message)>>,
    /// Told the start line of a held request when its gateway hangs up.
    hung_up: Mutex<Sender<String>>,
}

impl HostileStore {
    /// A proxy before the store at `endpoint` (`http://host:port`), honest until told otherwise.
    ///
    /// # Panics
    /// If no port can be had.
    pub fn before(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
        let address = listener.local_addr().expect("a listener has an address");
        let (told, hung_up) = mpsc::channel();
        let state = Arc::new(State {
            real: endpoint.trim_start_matches("http://").to_owned(),
            rule: Mutex::new(None),
            seen: Mutex::new(Vec::new()),
            hung_up: Mutex::new(told),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || state.serve(&stream));
            }
        });
        Self {
            endpoint: format!("http://{address}"),
            hung_up: Mutex::new(hung_up),
            state,
        }
    }

    /// Where the gateway is pointed at.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Answers by `rule` from now on.
    pub fn obey(&self, rule: Rule) {
        *held(&self.state.rule) = Some(rule);
    }

    /// Answers honestly from now on.
    pub fn relent(&self) {
        *held(&self.state.rule) = None;
    }

    /// All exchanges with the real store since the last call, each with its answer.
    pub fn seen(&self) -> Vec<(Message, Message)> {
        std::mem::take(&mut *held(&self.state.seen))
    }

    /// Waits for the gateway to hang up while the connection is held open for it (see [`Message::stall`]): the start line
    /// of its request, or `None` if it did not within `limit`.
    pub fn hung_up(&self, limit: Duration) -> Option<String> {
        held(&self.hung_up).recv_timeout(limit).ok()
    }
}

impl State {
    fn serve(&self, stream: &TcpStream) {
        // A gateway that hangs up is answered with nothing.
        let Ok(Some(request)) = Message::read_request(stream) else {
            return;
        };
        let rule = held(&self.rule).clone();
        let ask = || self.ask(&request);
        let mut answer = match rule {
            Some(rule) => rule(&request, &ask),
            None => ask(),
        };
        if answer.start.is_empty() {
            return self.hold(&request, stream, answer.stall);
        }
        answer.set("connection", "close");
        if request.method() == "HEAD" {
            answer.body.clear();
        }
        if answer.write(stream).is_ok() && !answer.is_whole() {
            self.hold(&request, stream, answer.stall);
        }
    }

    /// Keeps the connection open, and tells whether it was the gateway that ended it.
    fn hold(&self, request: &Message, mut stream: &TcpStream, limit: Duration) {
        if limit.is_zero() || stream.set_read_timeout(Some(limit)).is_err() {
            return;
        }
        let waited = stream.read(&mut [0]);
        let goes_on = [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut];
        if !waited.is_err_and(|error| goes_on.contains(&error.kind())) {
            let _ = held(&self.hung_up).send(request.start.clone());
        }
    }

    fn ask(&self, request: &Message) -> Message {
        let answer = self.pass(request).unwrap_or_else(|error| Message {
            start: "HTTP/1.1 502 Bad Gateway".to_owned(),
            headers: vec![("content-length".to_owned(), "0".to_owned())],
            body: error.to_string().into_bytes(),
            stall: Duration::ZERO,
        });
        held(&self.seen).push((request.clone(), answer.clone()));
        answer
    }

    /// As HTTP/1.0, to which no store answers in chunks; the version is in no signature.
    fn pass(&self, request: &Message) -> io::Result<Message> {
        let stream = TcpStream::connect(&self.real)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut passed = request.clone();
        passed.start = format!("{} {} HTTP/1.0", request.method(), request.target());
        passed.remove("connection");
        passed.write(&stream)?;
        let mut answer = Message::read_answer(&stream, request.method() == "HEAD")?;
        answer.start = answer.start.replacen("HTTP/1.0", "HTTP/1.1", 1);
        if answer.length().is_none() && request.method() != "HEAD" && answer.status() != 204 {
            let body = std::mem::take(&mut answer.body);
            answer.set_body(body);
        }
        Ok(answer)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("State")
            .field("real", &self.real)
            .finish_non_exhaustive()
    }
}

/// A test that failed while it held the lock left nothing half done.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const PATIENCE: Duration = Duration::from_mins(1);
