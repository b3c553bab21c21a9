//! libFuzzer's way into `fuzz::body`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::body(data);
});
