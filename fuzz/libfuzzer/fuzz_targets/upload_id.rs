//! libFuzzer's way into `fuzz::upload_id`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::upload_id(data);
});
