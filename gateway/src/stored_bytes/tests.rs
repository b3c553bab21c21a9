//! When it is counted, and what is more than a limit.

use std::time::UNIX_EPOCH;

use super::*;

fn counted(bytes: u64, began: u64, ended: u64) -> Stored {
    let at = |seconds| Timestamp::from(UNIX_EPOCH + Duration::from_secs(seconds));
    Stored {
        counted: Some(Counted {
            amount: Amount { objects: 1, bytes },
            began: at(began),
            ended: at(ended),
        }),
        ..Stored::default()
    }
}

#[test]
fn what_takes_long_to_count_is_counted_seldom() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    assert!(Stored::default().is_due(at(0)));
    let quick = counted(1, 100, 101);
    assert!(!quick.is_due(at(101 + 3599)) && quick.is_due(at(101 + 3600)));
    // It took an hour, so ten of rest.
    let slow = counted(1, 0, 3600);
    assert!(!slow.is_due(at(3600 + 35_999)) && slow.is_due(at(3600 + 36_000)));
    // A clock that was set back counts nothing twice.
    assert!(!quick.is_due(at(50)));
}

#[test]
fn a_limit_is_exceeded_by_what_was_counted_only() {
    assert!(!Stored::default().is_above(Some(0)));
    assert!(counted(11, 0, 1).is_above(Some(10)));
    assert!(!counted(10, 0, 1).is_above(Some(10)));
    assert!(!counted(11, 0, 1).is_above(None));
}
