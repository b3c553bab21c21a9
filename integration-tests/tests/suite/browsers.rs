//! Browsers: their exact requests by hand, always, and a real Chromium where there is one.

use std::io::Write as _;
use std::path::PathBuf;

use integration_tests::gateway::Upstream;
use integration_tests::tools;

use crate::{on_both_upstreams, shared};

on_both_upstreams! {
    cors_as_browsers_ask => |upstream| {
        shared(upstream).account().run_script("cors.py", &["python-cors"]);
    };
}

/// The one tool that is not pinned: the machine's own browser. Without one the test says so, past the capture of the
/// test harness; what a browser sends is played by hand in every run.
#[test]
fn chromium_uploads_from_another_origin() {
    let Some(chromium) = chromium() else {
        let note = "browser row not run: no chromium in SEALGATE_CHROMIUM or on PATH (Debian: apt-get install chromium)";
        let _ = writeln!(std::io::stderr(), "{note}");
        return;
    };
    let chromium = chromium.display().to_string();
    let account = shared(Upstream::Embedded).account();
    account.run_script("browser.py", &["browser", &chromium]);
}

fn chromium() -> Option<PathBuf> {
    let named = tools::named_in("SEALGATE_CHROMIUM");
    let on_path = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].map(PathBuf::from);
    named.into_iter().chain(on_path).find(|path| path.is_file())
}
