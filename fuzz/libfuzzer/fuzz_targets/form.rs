//! libFuzzer's way into `fuzz::form`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::form(data);
});
