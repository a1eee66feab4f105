#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| controller::fuzz::run("wire", bytes));
