//! libFuzzer's way into `fuzz::aws_chunked`, where the property is.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::aws_chunked(data);
});
