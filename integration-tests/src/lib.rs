//! One world, one suite: real stores, real clients.
