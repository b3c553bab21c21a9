//! A hostile store: whatever it does, the client gets the exact plaintext or an error. One test for each attack of
//! the design's table.

mod attack;
mod control;
mod copies;
mod forgery;
mod listing;
mod objects;
mod scripts;
mod siege;
mod telling;
mod uploads;
mod verdict;
