//! What is taken, what is refused, and in which words.

mod bad_input;
mod budgets;
mod codes;
mod good_input;
mod many_faults;
mod round_trip;
mod schemas;

use super::{Fault, parse};

/// The two files of the first app, as the design gives them.
const EXPOSE: &str = include_str!("tests/expose.yaml");

fn faults(text: &str) -> Vec<Fault> {
    parse("app.yaml", text).expect_err("the text is faulty")
}

fn lines(text: &str) -> Vec<String> {
    faults(text).iter().map(ToString::to_string).collect()
}
