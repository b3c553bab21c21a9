//! curl with URLs that boto3 signed: no credentials, no SDK.

use integration_tests::client::finished;
use integration_tests::world::World;

use super::files::{assert_same, slice, write};
use super::place::{Place, row};

row!(curl; seaweedfs_http, seaweedfs_https, embedded_http);

fn curl(place: Place) {
    let scratch = World::get().scratch();
    let here = scratch.path();
    let up = here.join("up");
    write(&up, place.large());
    let account = place.account();
    let signed = account.run_script("row_curl.py", &["row-curl", "sign"]);
    let (put, get) = signed.trim().split_once('\n').expect("two URLs");
    let curl = |arguments: &[&str]| {
        let mut curl = account.program("/usr/bin/curl".as_ref());
        curl.args(["--silent", "--show-error", "--fail"])
            .args(arguments)
            .current_dir(here);
        finished(curl)
    };
    curl(&["--upload-file", "up", put]);
    curl(&["--output", "down", get]);
    assert_same(&up, &here.join("down"));
    curl(&["--range", "70000-200000", "--output", "part", get]);
    assert!(slice(&up, 70_000..200_001) == slice(&here.join("part"), 0..130_001));
    account.run_script("row_curl.py", &["row-curl", "delete"]);
}
