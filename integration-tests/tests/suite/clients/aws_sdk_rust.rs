//! The AWS SDK for Rust. What it asserts is in its program, which cargo has built with the tests.

use integration_tests::client::finished;
use integration_tests::tools;
use integration_tests::world::World;

use super::place::{Place, row};

row!(aws_sdk_rust; seaweedfs_http, seaweedfs_https, embedded_http, embedded_https);

fn aws_sdk_rust(place: Place) {
    let scratch = World::get().scratch();
    let mut program = place.account().program(&tools::example("row_aws_sdk_rust"));
    program
        .args(["row-aws-sdk-rust", &place.mebibytes().to_string()])
        .arg(scratch.path());
    finished(program);
}
