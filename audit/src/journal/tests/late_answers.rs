//! What counts as a disk's answer where an earlier one comes late. The test plays the disks.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, atomic::Ordering::SeqCst};
use std::time::Duration;

use super::super::device::{Reply, Standing, Task};
use super::super::devices::{Committed, Devices, Member, Two};
use super::super::disk::Batch;
use super::super::health::Health;
use super::super::home::Home;
use super::super::segments::Placed;

struct Played {
    devices: Devices,
    tasks: Vec<Receiver<(u64, Task)>>,
    standing: Vec<Arc<Standing>>,
    replies: Sender<Reply>,
}

/// Two disks that take part, of which the second used its room.
fn played(least: usize) -> Played {
    let (replier, replies) = channel();
    let (mut members, mut given, mut standings) = (Vec::new(), Vec::new(), Vec::new());
    for (name, full) in [("one", false), ("two", true)] {
        let (tasks, receiver) = channel();
        let standing = Arc::new(Standing::default());
        given.push(receiver);
        standings.push(Arc::clone(&standing));
        members.push(Member {
            place: Home::at(Path::new(name)).place("log"),
            tasks,
            standing,
            takes_part: true,
            asked: None,
            full,
        });
    }
    let two = Two {
        members,
        replies,
        least,
        patience: Duration::from_millis(100),
        next_seq: 0,
        whole: Arc::default(),
        health: Arc::new(Health::of(["one".to_owned(), "two".to_owned()])),
        changes: Vec::new(),
        latest: 0,
    };
    Played {
        devices: Devices::Two(two),
        tasks: given,
        standing: standings,
        replies: replier,
    }
}

impl Played {
    fn answer(&self, device: usize, task: u64, outcome: io::Result<Placed>) {
        let full = false;
        let reply = Reply {
            device,
            task,
            outcome,
            full,
        };
        self.replies.send(reply).unwrap();
    }
}

fn placed(next: u64) -> Placed {
    Placed {
        first: 0,
        bytes: 10 * next,
        next,
    }
}

fn batch() -> Batch {
    Batch {
        lines: b"{}\n".to_vec(),
        leaves: vec![[0; 32]],
        stops: false,
    }
}

#[test]
fn who_does_not_answer_about_its_room_is_left_out_and_answers_no_append_by_it() {
    for least in [1, 2] {
        let mut played = played(least);
        played.devices.refresh();
        let (room, task) = played.tasks[1].recv().unwrap();
        assert!(matches!(task, Task::Room { kept: true }));
        let changes = played.devices.changes();
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!((&*changes[0].device, changes[0].up), ("two", false));
        assert!(played.standing[1].behind.load(SeqCst));
        // Both come while the batch is waited for, or would be.
        played.answer(1, room, Ok(placed(0)));
        played.answer(0, room + 1, Ok(placed(1)));
        let committed = played.devices.commit(batch());
        if least == 2 {
            committed.unwrap_err();
            assert!(played.tasks[0].try_recv().is_err());
        } else {
            assert_eq!(committed.unwrap(), Committed::Enough);
        }
        assert!(played.tasks[1].try_recv().is_err(), "it gets no batch");
    }
}

/// As if it took part still: the answer to a task counts for no other.
#[test]
fn an_answer_to_an_earlier_task_is_none_to_this_one() {
    let mut played = played(2);
    // Task 0 is one that nobody remembers.
    played.answer(1, 0, Ok(placed(0)));
    played.answer(0, 1, Ok(placed(1)));
    assert_eq!(played.devices.commit(batch()).unwrap(), Committed::TooFew);
    let changes = played.devices.changes();
    assert_eq!((&*changes[0].device, changes[0].up), ("two", false));
}

#[test]
fn who_says_late_that_it_failed_is_left_out() {
    let mut played = played(1);
    played.answer(1, 7, Err(io::ErrorKind::Other.into()));
    played.devices.refresh();
    let changes = played.devices.changes();
    assert_eq!((&*changes[0].device, changes[0].up), ("two", false));
}
