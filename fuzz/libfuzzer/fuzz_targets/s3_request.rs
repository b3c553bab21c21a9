//! libFuzzer's way into `fuzz::s3_request`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::s3_request(data);
});
