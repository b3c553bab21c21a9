//! The SOF-1 sealed object format and its cryptography: no IO, no async, no configuration.
