use super::*;
use crate::store::embedded::Embedded;

const PASSPHRASE: &str = "correct horse";

fn store(folder: &tempfile::TempDir) -> Embedded {
    Embedded::open(folder.path(), SealKey::from_bytes([1; 32])).unwrap()
}

fn change(key: &str, secrecy: Secrecy) -> Change {
    let value = Some(Value { bytes: b"needle".to_vec(), secrecy });
    Change { key: Key::new(key).unwrap(), expect: Expect::Any, value }
}

async fn archive() -> String {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let changes = vec![
        change("acme/accounts/a", Secrecy::Sealed),
        change("authority/rotation", Secrecy::Sealed),
        change("other/secret", Secrecy::Sealed),
        change("resources/Zone/x/y", Secrecy::Plain),
        change("leases/z", Secrecy::Plain),
    ];
    store.commit(changes).await.unwrap();
    export(&store, PASSPHRASE, [3; 16]).await.unwrap()
}

fn secrecy(change: &Change) -> Secrecy {
    change.value.as_ref().unwrap().secrecy
}

/// With a seal that fits, as somebody who has the passphrase could give it.
fn checked(body: &str) -> String {
    sealed_with(&derive(PASSPHRASE, &[3; 16]), body)
}

fn sealed_with(key: &SealKey, body: &str) -> String {
    let mut text = body.to_owned();
    push(&mut text, &Trailer { seal: STANDARD.encode(key.seal(SEAL, &digest(body)).unwrap()) });
    text
}

fn body(archive: &str) -> &str {
    before_last_line(archive)
}

fn refused(text: &str) -> String {
    read(PASSPHRASE, text).unwrap_err().to_string()
}

#[tokio::test]
async fn what_was_exported_is_read_with_its_secrecy_and_without_leases() {
    let text = archive().await;
    assert!(!text.contains("needle"));
    let changes = read(PASSPHRASE, &text).unwrap();
    let found: Vec<_> = changes.iter().map(|change| (change.key.as_str(), secrecy(change))).collect();
    let expected = [
        ("acme/accounts/a", Secrecy::Sealed),
        ("authority/rotation", Secrecy::Sealed),
        ("other/secret", Secrecy::Sealed),
        ("resources/Zone/x/y", Secrecy::Plain),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_file_cannot_have_a_secret_kept_in_the_clear() {
    let text = checked(&body(&archive().await).replace("\"sealed\":true", "\"sealed\":false"));
    let changes = read(PASSPHRASE, &text).unwrap();
    for key in ["acme/accounts/a", "authority/rotation"] {
        let entry = changes.iter().find(|change| change.key.as_str() == key).unwrap();
        assert_eq!(secrecy(entry), Secrecy::Sealed, "{key}");
    }
}

#[tokio::test]
async fn a_damaged_archive_is_refused() {
    let text = archive().await;
    let body = body(&text);
    let (header, entries) = body.split_once('\n').unwrap();
    let first = entries.lines().next().unwrap();
    let one_line = "{\"seal\":\"AAAA\",\"causeway\":\"archive\",\"version\":2,\"salt\":\"AAAA\"}".to_owned();
    let cases = [
        (String::new(), "line 1"),
        (one_line, "line 1"),
        (header.to_owned(), "line 1"),
        (body.to_owned(), "cut off"),
        (text.replacen("accounts", "bccounts", 1), "damaged or was altered"),
        (checked(&format!("{body}{first}\n")), "line 6: acme/accounts/a is in the archive already"),
        (checked(&body.replacen("accounts/a", "accounts/b", 1)), "line 2: the passphrase is another"),
        (checked(&body.replacen("\"version\":2", "\"version\":3", 1)), "use a newer causeway"),
        (checked(&body.replacen("\"version\":2", "\"version\":1", 1)), "export it anew"),
        (checked(&body.replacen("\"archive\"", "\"other\"", 1)), "no archive of causeway"),
        (checked(&body.replacen("acme/accounts", "leases/accounts", 1)), "line 2: such an entry belongs"),
        (checked(&body.replacen("acme/accounts", "departures", 1)), "line 2: such an entry belongs"),
        (checked(&body.replacen("acme/accounts/a", "../a b", 1)), "line 2: the key is malformed"),
    ];
    for (text, reason) in cases {
        let said = refused(&text);
        assert!(said.contains(reason), "{said:?} does not say {reason:?}");
    }
}

#[tokio::test]
async fn without_the_passphrase_nothing_can_be_taken_away_added_or_moved() {
    let text = archive().await;
    let lines: Vec<&str> = text.lines().collect();
    let join = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    let without: Vec<&str> = [&lines[..2], &lines[3..]].concat();
    let mut moved = lines.clone();
    moved.swap(1, 2);
    for altered in [join(&without), join(&moved), text.replacen("\"sealed\":true", "\"sealed\":false", 1)] {
        assert!(refused(&altered).contains("was altered"), "{}", refused(&altered));
        // Nor with a seal of one's own, or an entry's value in its place.
        let own = sealed_with(&SealKey::from_bytes([9; 32]), body(&altered));
        assert!(refused(&own).contains("was altered"), "{}", refused(&own));
        let entry: Line = serde_json::from_str(lines[1]).unwrap();
        let mut borrowed = body(&altered).to_owned();
        push(&mut borrowed, &Trailer { seal: entry.value });
        assert!(refused(&borrowed).contains("was altered"), "{}", refused(&borrowed));
    }
}
