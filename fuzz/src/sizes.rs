//! The size arithmetic of listings. It must not repeat the closed form: the inverse is searched for here.

use sealed_object::{Plain, Sealed, geometry};

use crate::Outcome;
use crate::choices::Choices;

/// Every plaintext length has its own stored length, longer ones longer; and a stored length means the plaintext
/// length that bisection finds, or none. The input is two lengths.
pub fn sizes(data: &[u8]) -> Outcome {
    let mut choices = Choices::new(data);
    let (plain, stored) = (choices.u64() % LARGEST, choices.u64() % LARGEST);
    let (this, next) = (
        geometry::stored(Plain(plain)),
        geometry::stored(Plain(plain + 1)),
    );
    assert!(plain < this.0 && this < next);
    assert_eq!(geometry::plain_of(this), Some(Plain(plain)));

    let (mut low, mut high) = (0, stored + 1);
    while low < high {
        let middle = low.midpoint(high);
        if geometry::stored(Plain(middle)).0 < stored {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let expected = (geometry::stored(Plain(low)).0 == stored).then_some(Plain(low));
    assert_eq!(geometry::plain_of(Sealed(stored)), expected);
    Outcome::of(expected.is_some())
}

/// Far above any object, and far below where the arithmetic saturates.
const LARGEST: u64 = 1 << 60;
