//! Every refusal, in the words that people read: place, field, reason and fix.

mod application;
mod envelope;
mod form;
mod ingress;
mod others;
mod paths;
mod slips;

use super::lines;

fn check(text: &str, expected: &[&str]) {
    assert_eq!(lines(text), expected, "of this text:\n{text}");
}
