#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| futago_fuzz::address(data));
