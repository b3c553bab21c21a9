//! libFuzzer's way into `fuzz::unsealed_body`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::unsealed_body(data);
});
