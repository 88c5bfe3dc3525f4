//! What README shows works as it stands there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

use tests::gateway::binary;
use tests::process::run;

/// The blocks of README in a language, in order.
fn blocks(language: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let start = format!("```{language}\n");
    readme.split(&start).skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_resources_in_readme_have_no_fault_and_draw_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = blocks("yaml");
    assert_eq!(blocks.len(), 3);
    let mut vet = Command::new(binary());
    vet.arg("vet");
    for (index, block) in blocks.iter().enumerate() {
        let file = folder.path().join(format!("{index}.yaml"));
        std::fs::write(&file, block).unwrap();
        vet.arg("-f").arg(file);
    }
    let (code, out, error) = run(&mut vet);
    assert_eq!((code, error.as_str()), (0, ""), "{out}");
    assert!(out.contains("nothing found"), "{out}");
}
