//! The tests of SOF-1 under suite 0x02: those of `sof1` that depend on a suite, and what this suite alone needs.

#[cfg(test)]
#[path = "../sof1/checking.rs"]
mod checking;
#[cfg(test)]
#[path = "../sof1/envelopes.rs"]
mod envelopes;
#[cfg(test)]
#[path = "../sof1/hostile.rs"]
mod hostile;
#[cfg(test)]
mod independent;
#[cfg(test)]
#[path = "../sof1/ranges.rs"]
mod ranges;
#[cfg(test)]
#[path = "../sof1/refused.rs"]
mod refused;
#[cfg(test)]
#[path = "../sof1/sealing.rs"]
mod sealing;
#[cfg(test)]
#[path = "../sof1/uploads.rs"]
mod uploads;
#[cfg(test)]
#[path = "../sof1/vector.rs"]
mod vector;
#[cfg(test)]
mod vectors;
#[cfg(test)]
#[path = "../sof1/world.rs"]
mod world;

#[cfg(test)]
const SUITE: sealed_object::Suite = sealed_object::Suite::GcmHmacSha512;
