//! The AWS SDK for JavaScript with lib-storage. What it asserts is in its script.

use integration_tests::tools;

use super::place::{Place, row};

row!(javascript; seaweedfs_http, seaweedfs_https, embedded_http, embedded_https);

fn javascript(place: Place) {
    let script = tools::script("row_javascript.cjs").display().to_string();
    let modules = tools::javascript().display().to_string();
    place.account().run(
        "node",
        ".".as_ref(),
        &[&script, "row-javascript", &place.mebibytes().to_string()],
        &[("NODE_PATH", &modules)],
    );
}

/// Also with the XML parser that other clients stand on.
#[test]
fn the_largest_page() {
    let script = tools::script("largest_page.cjs").display().to_string();
    let modules = tools::javascript().display().to_string();
    Place::EmbeddedHttp.account().run(
        "node",
        ".".as_ref(),
        &[&script, "largest-page"],
        &[("NODE_PATH", &modules)],
    );
}
