//! The world the suite runs in: real stores, gateways as real processes, real clients. It knows the
//! gateway only by its command line, its configuration file and S3; never by its code.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "the world is test code: what it cannot set up fails the test with the reason"
)]

pub mod administered;
pub mod ahead;
pub mod authority;
pub mod canary;
pub mod cipher_suite;
pub mod client;
pub mod failing_disk;
pub mod gateway;
pub mod hostile;
pub mod identity_provider;
pub mod moto;
pub mod nats;
pub mod port;
pub mod preload;
pub mod process;
pub mod seaweedfs;
pub mod tools;
pub mod world;
