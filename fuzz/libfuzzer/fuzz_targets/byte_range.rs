//! libFuzzer's way into `fuzz::byte_range`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::byte_range(data);
});
