//! Tests of SOF-1, one binary. A test's name begins with the numbers of the requirements in `src/format.rs` it holds.

#[cfg(test)]
mod checking;
#[cfg(test)]
mod envelopes;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod ranges;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod sealing;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod uploads;
#[cfg(test)]
mod vector;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod world;

/// Suite 0x02 runs the same tests in `sof1_fips`.
#[cfg(test)]
const SUITE: sealed_object::Suite = sealed_object::Suite::GcmSivBlake3;
