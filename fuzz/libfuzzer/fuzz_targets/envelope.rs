//! libFuzzer's way into `fuzz::envelope`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::envelope(data);
});
