//! libFuzzer's way into `fuzz::header`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::header(data);
});
