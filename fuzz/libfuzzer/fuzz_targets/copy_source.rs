//! libFuzzer's way into `fuzz::copy_source`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::copy_source(data);
});
