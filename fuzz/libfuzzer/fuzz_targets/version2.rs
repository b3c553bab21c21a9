//! libFuzzer's way into `fuzz::version2`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::version2(data);
});
