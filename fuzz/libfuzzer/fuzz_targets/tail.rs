//! libFuzzer's way into `fuzz::tail`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::tail(data);
});
