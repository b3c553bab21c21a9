//! libFuzzer's way into `fuzz::part_token`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::part_token(data);
});
