//! Runs every target over its corpus, over changed inputs from it, and over random bytes: the same ones each time.

#[cfg(test)]
mod inputs;
#[cfg(test)]
mod targets;
