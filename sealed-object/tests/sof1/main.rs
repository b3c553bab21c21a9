//! Tests of SOF-1, one binary. A test's name begins with the numbers of the requirements in `src/format.rs` it holds.

#[cfg(test)]
mod envelopes;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod ranges;
#[cfg(test)]
mod sealing;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod uploads;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod world;
