//! Any text is either resources or faults; resources that came out are written and read back as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::document::{from_json, parse, to_json};

fuzz_target!(|text: &str| {
    match parse("fuzz.yaml", text) {
        Ok(parsed) => {
            for one in parsed {
                let written = to_json(&one.resource);
                let again = from_json(&written).expect("what we write is a resource");
                assert_eq!(to_json(&again), written);
                let _place = one.places.locate("spec.api[0].path");
            }
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert!(!fault.to_string().is_empty());
            }
        }
    }
});
