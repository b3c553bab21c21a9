//! How an input steers a target: choices are read off its front, and the rest is data or a script of edits. It
//! must not know what the bytes are for.

use bytes::Bytes;

/// An input of which choices are taken. What is not there is zero, so that every input is a valid one.
#[derive(Clone, Copy)]
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn u8(&mut self) -> u8 {
        u8::from_be_bytes(self.array())
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_at(N.min(self.0.len()));
        self.0 = rest;
        let mut array = [0; N];
        for (to, from) in array.iter_mut().zip(taken) {
            *to = *from;
        }
        array
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// `genuine` as this script changes it: each edit is a verb, a place of three bytes and an argument of two. No
    /// script, no change.
    pub(crate) fn edit(mut self, genuine: &[u8]) -> Vec<u8> {
        let mut bytes = genuine.to_vec();
        for _ in 0..MOST_EDITS {
            if self.0.is_empty() {
                break;
            }
            let verb = self.u8();
            let [high, middle, low] = self.array();
            let at = usize::try_from(u32::from_be_bytes([0, high, middle, low]))
                .map_or(0, |at| at % (bytes.len() + 1));
            let argument = self.u16();
            let end = (at + usize::from(argument)).min(bytes.len());
            match verb % 6 {
                0 => {
                    if let Some(byte) = bytes.get_mut(at) {
                        let [_, change] = argument.to_be_bytes();
                        *byte ^= change;
                    }
                }
                1 => bytes.truncate(at),
                2 => bytes.insert(at, argument.to_be_bytes()[1]),
                3 => drop(bytes.drain(at..end)),
                4 => {
                    let copy: Vec<u8> = bytes.drain(at..end).collect();
                    bytes.splice(at..at, [copy.as_slice(), &copy].concat());
                }
                _ => bytes.rotate_left(at),
            }
        }
        bytes
    }
}

/// `bytes` in pieces of two sizes by turns, which `seed` names; 0 is one piece.
pub(crate) fn pieces(bytes: &[u8], seed: u8) -> Vec<Bytes> {
    let mut rest = Bytes::copy_from_slice(bytes);
    let (small, large) = match usize::from(seed) {
        0 => (rest.len(), rest.len()),
        seed => (seed, seed * 251),
    };
    let mut pieces = Vec::new();
    for size in [small, large].into_iter().cycle() {
        if rest.is_empty() {
            break;
        }
        pieces.push(rest.split_to(size.clamp(1, rest.len())));
    }
    pieces
}

const MOST_EDITS: usize = 8;
