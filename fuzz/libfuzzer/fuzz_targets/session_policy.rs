//! libFuzzer's way into `fuzz::session_policy`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::session_policy(data);
});
