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

/// With a checksum that fits, as somebody who alters a file would give it.
fn checked(body: &str) -> String {
    let mut text = body.to_owned();
    push(&mut text, &Trailer { sha256: checksum(body) });
    text
}

fn body(archive: &str) -> &str {
    &archive[..archive.rfind("{\"sha256\"").unwrap()]
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
    let one_line = format!(
        "{{\"sha256\":\"{}\",\"causeway\":\"archive\",\"version\":1,\"salt\":\"AAAA\"}}",
        checksum("")
    );
    let cases = [
        (String::new(), "line 1"),
        (one_line, "line 1"),
        (header.to_owned(), "line 1"),
        (body.to_owned(), "cut off"),
        (text.replacen("needle", "x", 1).replacen("accounts", "bccounts", 1), "checksum"),
        (checked(&format!("{body}{first}\n")), "line 6: acme/accounts/a is in the archive already"),
        (checked(&body.replacen("accounts/a", "accounts/b", 1)), "line 2: the passphrase is another"),
        (checked(&body.replacen("\"version\":1", "\"version\":2", 1)), "use a newer causeway"),
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
