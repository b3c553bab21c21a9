//! The journal's one or two disks as its thread sees them: what a batch must be on before it is answered. Which disks
//! take part changes by itself. It must not touch a disk: one that hangs must hold up nobody.

use std::io;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::device::{Reply, Standing, Task, Whole};
use super::disk::{Batch, Disk};
use super::health::Health;
use super::home::LogPlace;
use super::segments::Placed;

/// What became of a batch that is on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Committed {
    /// On as many disks as it must be.
    Enough,
    /// Its lines stand, but on fewer: nobody may be told that they are on record.
    TooFew,
}

/// A disk began to take part, or no longer does.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Its directory.
    pub(super) device: String,
    pub(super) up: bool,
    /// What happened to it; nothing where it is back.
    pub(super) why: Option<String>,
}

/// Where batches go.
pub(super) enum Devices {
    /// To the only disk, by the journal's own thread.
    One(Box<Disk>),
    /// To each of two, by its own.
    Two(Two),
}

impl Devices {
    /// The `seq` of the next line.
    pub(super) fn next_seq(&self) -> u64 {
        match self {
            Self::One(disk) => disk.segments.next_seq(),
            Self::Two(two) => two.next_seq,
        }
    }

    /// Makes a batch durable. On an error it is on no disk.
    pub(super) fn commit(&mut self, batch: Batch) -> io::Result<Committed> {
        match self {
            Self::One(disk) => {
                let appended = disk.append(&batch, true);
                if appended.as_ref().is_err_and(is_full) {
                    disk.headroom.give_up();
                }
                appended.map(|()| Committed::Enough)
            }
            Self::Two(two) => two.commit(batch),
        }
    }

    /// Whether only what is essential may be written, for want of room.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::One(disk) => disk.headroom.is_used(),
            Self::Two(two) => two.is_full(),
        }
    }

    /// Looks, before a batch, what is better than it was: room is kept again where it was used, and a disk that has
    /// caught up takes part.
    pub(super) fn refresh(&mut self) {
        match self {
            Self::One(disk) => disk.headroom.refill(),
            Self::Two(two) => {
                two.refill();
                two.let_back_in();
            }
        }
    }

    /// What changed since this was asked last.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        match self {
            Self::One(_) => Vec::new(),
            Self::Two(two) => std::mem::take(&mut two.changes),
        }
    }

    /// Nothing more will be written.
    pub(super) fn finish(self) {
        if let Self::One(mut disk) = self {
            disk.segments.finish();
        }
    }
}

/// Two disks.
pub(super) struct Two {
    pub(super) members: Vec<Member>,
    pub(super) replies: Receiver<Reply>,
    /// On how many a batch must be.
    pub(super) least: usize,
    /// How long one is waited for when another has answered.
    pub(super) patience: Duration,
    pub(super) next_seq: u64,
    /// A disk that has all lines so far.
    pub(super) whole: Arc<Mutex<Option<Whole>>>,
    pub(super) health: Arc<Health>,
    pub(super) changes: Vec<Change>,
    /// The number of the latest task.
    pub(super) latest: u64,
}

/// One of them.
pub(super) struct Member {
    pub(super) place: LogPlace,
    pub(super) tasks: Sender<(u64, Task)>,
    pub(super) standing: Arc<Standing>,
    /// It has all lines so far, and gets the next.
    pub(super) takes_part: bool,
    /// The task that it was given and has not answered.
    pub(super) asked: Option<u64>,
    /// Its room is in use.
    pub(super) full: bool,
}

/// What the disks answered to a task.
#[derive(Default)]
struct Answers {
    placed: Vec<(usize, Placed)>,
    failed: Vec<(usize, io::Error)>,
}

impl Two {
    fn commit(&mut self, batch: Batch) -> io::Result<Committed> {
        let part = self.those(|member| member.takes_part);
        if part.len() < self.least {
            let few = format!("{} of {} disks take part", part.len(), self.least);
            return Err(io::Error::other(few));
        }
        let count = batch.count();
        let task = Task::Append {
            batch: Arc::new(batch),
            alone: part.len() == 1,
        };
        let answers = self.ask(&part, &task, true);
        let Some((whole, end)) = answers.placed.first().copied() else {
            // On none, so that all are where they were.
            return Err(self.none_has_it(answers));
        };
        self.next_seq = self.next_seq.saturating_add(count);
        self.remember(whole, end);
        let enough = answers.placed.len() >= self.least;
        for number in part {
            if !answers.placed.iter().any(|(has, _)| *has == number) {
                let failed = answers.failed.iter().find(|(failed, _)| *failed == number);
                let full = failed.is_some_and(|(_, error)| is_full(error));
                let why = failed.map_or_else(|| "hangs".to_owned(), |(_, error)| error.to_string());
                self.leave_out(number, why);
                if full && !enough {
                    self.room(&[number], false);
                }
            }
        }
        Ok(if enough {
            Committed::Enough
        } else {
            Committed::TooFew
        })
    }

    fn none_has_it(&mut self, answers: Answers) -> io::Error {
        let full = answers.failed.iter().filter(|(_, error)| is_full(error));
        let full: Vec<usize> = full.map(|(number, _)| *number).collect();
        self.room(&full, false);
        let first = answers.failed.into_iter().next();
        first.map_or_else(|| io::Error::other("no disk answers"), |(_, error)| error)
    }

    /// Where all lines are, for whoever copies.
    fn remember(&self, number: usize, end: Placed) {
        let place = self.members.get(number).map(|member| member.place.clone());
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        *whole = place.map(|place| Whole { place, end });
    }

    /// Those who have caught up take part again, once the last few lines are copied too.
    fn let_back_in(&mut self) {
        let ready = self.those(|member| {
            !member.takes_part && member.asked.is_none() && member.standing.ready.load(SeqCst)
        });
        if ready.is_empty() {
            return;
        }
        let answers = self.ask(&ready, &Task::CatchUp, false);
        for number in ready {
            let back = answers.placed.iter().any(|(back, _)| *back == number);
            let Some(member) = self.members.get_mut(number) else {
                continue;
            };
            member.standing.ready.store(false, SeqCst);
            if back {
                member.standing.behind.store(false, SeqCst);
                member.takes_part = true;
                tracing::info!(
                    device = self.health.name(number),
                    "a disk of the audit journal is back"
                );
                self.change(number, None);
            }
            self.health.device(number, back);
        }
    }

    fn leave_out(&mut self, number: usize, why: String) {
        if let Some(member) = self.members.get_mut(number) {
            member.takes_part = false;
            member.standing.ready.store(false, SeqCst);
            member.standing.behind.store(true, SeqCst);
        }
        self.health.device(number, false);
        let device = self.health.name(number);
        tracing::error!(device, why, "a disk of the audit journal is left out");
        self.change(number, Some(why));
    }

    fn change(&mut self, number: usize, why: Option<String>) {
        self.changes.push(Change {
            device: self.health.name(number).to_owned(),
            up: why.is_none(),
            why,
        });
    }

    fn is_full(&self) -> bool {
        let with_room = self.those(|member| member.takes_part && !member.full).len();
        with_room < self.least && self.members.iter().any(|member| member.full)
    }

    fn refill(&mut self) {
        self.hear();
        let full = self.those(|member| member.full && member.asked.is_none());
        self.room(&full, true);
    }

    /// Gives room, or keeps it again. Who takes part owes no answer: one that hangs over this is left out.
    fn room(&mut self, whom: &[usize], kept: bool) {
        self.ask(whom, &Task::Room { kept }, false);
        for number in self.those(|member| member.takes_part && member.asked.is_some()) {
            self.leave_out(number, "hangs".to_owned());
        }
    }

    fn those(&self, wanted: impl Fn(&Member) -> bool) -> Vec<usize> {
        let members = self.members.iter().enumerate();
        members
            .filter(|(_, member)| wanted(member))
            .map(|(number, _)| number)
            .collect()
    }

    /// Asks some, and waits for their answers: no longer than patience lasts, but if the task must be done by one at
    /// least, until one has done it or all have failed. Who has not answered then is asked nothing until it does, and
    /// that answer counts as none to any other task.
    fn ask(&mut self, whom: &[usize], task: &Task, by_one: bool) -> Answers {
        let limit = Instant::now().checked_add(self.patience);
        let mut answers = Answers::default();
        self.latest = self.latest.saturating_add(1);
        let this = self.latest;
        for number in whom {
            if let Some(member) = self.members.get_mut(*number)
                && member.asked.is_none()
                && member.tasks.send((this, task.clone())).is_ok()
            {
                member.asked = Some(this);
            }
        }
        while self.members.iter().any(|member| member.asked == Some(this)) {
            let left = limit.map(|limit| limit.saturating_duration_since(Instant::now()));
            let waits_on = by_one && answers.placed.is_empty();
            let reply = match left.filter(|_| !waits_on) {
                Some(left) => self.replies.recv_timeout(left),
                None => self
                    .replies
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
            };
            let Ok(reply) = reply else { break };
            self.heard(&reply);
            match reply.outcome {
                _ if reply.task != this => {}
                Ok(placed) => answers.placed.push((reply.device, placed)),
                Err(error) => answers.failed.push((reply.device, error)),
            }
        }
        answers
    }

    /// Takes late answers.
    fn hear(&mut self) {
        while let Ok(reply) = self.replies.try_recv() {
            self.heard(&reply);
        }
    }

    fn heard(&mut self, reply: &Reply) {
        let Some(member) = self.members.get_mut(reply.device) else {
            return;
        };
        member.full = reply.full;
        if member.asked == Some(reply.task) {
            member.asked = None;
        }
        let is_late = reply.task != self.latest;
        if let (true, true, Err(error)) = (is_late, member.takes_part, &reply.outcome) {
            // Whatever it was, this disk may lack it.
            self.leave_out(reply.device, error.to_string());
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::StorageFull
}
