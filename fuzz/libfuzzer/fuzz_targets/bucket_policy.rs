//! libFuzzer's way into `fuzz::bucket_policy`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::bucket_policy(data);
});
