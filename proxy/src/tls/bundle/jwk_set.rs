//! Bundles as JWK sets (Trust Domain and Bundle §4, X509-SVID §6, JWT-SVID §6).
//!
//! What the standard has a reader ignore is ignored: keys of unknown kinds and uses, and parameters that are not
//! known. What claims to be a key of ours and is not refuses the whole bundle, so that a fault is seen and not half
//! believed.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use policy::id::TrustDomain;
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::TrustBundle;
use crate::core::jwt::{Key, UniqueNames};
use crate::tls::svid::{InvalidSvid, SigningCertificate};

const X509_USE: &str = "x509-svid";
const JWT_USE: &str = "jwt-svid";
/// What a JWT authority shows of its key (RFC 7518 §6); private members are never written.
const PUBLIC_MEMBERS: [&str; 7] = ["kty", "alg", "crv", "x", "y", "n", "e"];

/// A key that signs JWT-SVIDs, with its id.
#[derive(Clone, Debug)]
pub struct JwtAuthority {
    key_id: String,
    members: BTreeMap<&'static str, String>,
    key: Key,
}

impl PartialEq for JwtAuthority {
    fn eq(&self, other: &Self) -> bool {
        self.key_id == other.key_id && self.members == other.members
    }
}

impl Eq for JwtAuthority {}

/// Why a text is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBundle {
    /// More than [`TrustBundle::BYTES_MAX`].
    #[error("the bundle is larger than {} bytes", TrustBundle::BYTES_MAX)]
    TooLarge,
    /// Not a JWK set, or a name stands twice in it.
    #[error("the bundle is no JSON Web Key Set")]
    Json(#[source] serde_json::Error),
    /// More than [`TrustBundle::AUTHORITIES_MAX`].
    #[error("the bundle has {found} keys, more than {}", TrustBundle::AUTHORITIES_MAX)]
    TooManyKeys {
        /// How many.
        found: usize,
    },
    /// An authority, or a key id, stands twice.
    #[error("a key stands twice in the bundle")]
    Twice,
    /// The first of `x5c` is not base64 of DER.
    #[error("key {index}: x5c holds no certificate")]
    X5c {
        /// Where in `keys`.
        index: usize,
    },
    /// The certificate may not sign SVIDs.
    #[error("key {index}: the certificate may not sign SVIDs")]
    Certificate {
        /// Where in `keys`.
        index: usize,
        /// Why.
        #[source]
        source: InvalidSvid,
    },
    /// The members of the JWK are those of another key than the certificate's (RFC 7517 §4.7).
    #[error("key {index}: the certificate is of another key")]
    OtherKey {
        /// Where in `keys`.
        index: usize,
    },
    /// A JWT authority without a key id.
    #[error("key {index}: a JWT authority needs a kid")]
    NoKeyId {
        /// Where in `keys`.
        index: usize,
    },
    /// A JWT authority whose key cannot verify anything that is accepted.
    #[error("key {index}: the key is unsound")]
    Key {
        /// Where in `keys`.
        index: usize,
    },
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<UniqueNames>,
    #[serde(default, deserialize_with = "present")]
    spiffe_sequence: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    spiffe_refresh_hint: Option<u64>,
}

/// A parameter that is there is an integer; `null` is none.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    u64::deserialize(deserializer).map(Some)
}

impl TrustBundle {
    /// Larger texts are not bundles.
    pub const BYTES_MAX: usize = 1 << 20;

    /// Reads the bundle of a trust domain. Whose it is, the text does not say: who fetched it knows (§3).
    ///
    /// # Errors
    /// When the text is no JWK set, or a key in it claims to be an authority and is not.
    pub fn from_jwk_set(trust_domain: TrustDomain, json: &[u8]) -> Result<Self, InvalidBundle> {
        if json.len() > Self::BYTES_MAX {
            return Err(InvalidBundle::TooLarge);
        }
        let set: JwkSet = serde_json::from_slice(json).map_err(InvalidBundle::Json)?;
        if set.keys.len() > Self::AUTHORITIES_MAX {
            return Err(InvalidBundle::TooManyKeys { found: set.keys.len() });
        }
        let (mut x509, mut jwt) = (Vec::new(), Vec::new());
        for (index, UniqueNames(jwk)) in set.keys.into_iter().enumerate() {
            // §4.2.1 and §4.2.2: unknown kinds and uses are passed over, and so is what names neither.
            if !matches!(text(&jwk, "kty"), Some("RSA" | "EC" | "OKP")) {
                continue;
            }
            match text(&jwk, "use") {
                Some(X509_USE) => x509.extend(x509_authority(&jwk, index)?),
                Some(JWT_USE) => jwt.extend(jwt_authority(jwk, index)?),
                Some(_) | None => {}
            }
        }
        let bundle = Self::new(trust_domain, x509, jwt)?;
        let refresh_hint = set.spiffe_refresh_hint.map(Duration::from_secs);
        Ok(Self { sequence: set.spiffe_sequence, refresh_hint, ..bundle })
    }

    /// Writes the bundle.
    #[must_use]
    pub fn to_jwk_set(&self) -> String {
        let x509 = self.x509_authorities().iter().map(|authority| {
            // X509-SVID §6.1: no `kid`, and the one certificate.
            let mut jwk = json!(authority.key());
            jwk["use"] = X509_USE.into();
            jwk["x5c"] = json!([STANDARD.encode(authority.der())]);
            jwk
        });
        let jwt = self.jwt_authorities().iter().map(|authority| {
            let mut jwk = json!(authority.members);
            jwk["use"] = JWT_USE.into();
            jwk["kid"] = authority.key_id.as_str().into();
            jwk
        });
        let mut set = json!({"keys": x509.chain(jwt).collect::<Vec<_>>()});
        if let Some(sequence) = self.sequence {
            set["spiffe_sequence"] = sequence.into();
        }
        if let Some(hint) = self.refresh_hint {
            set["spiffe_refresh_hint"] = hint.as_secs().into();
        }
        set.to_string()
    }
}

/// X509-SVID §6.2.
fn x509_authority(
    jwk: &BTreeMap<String, Value>,
    index: usize,
) -> Result<Option<SigningCertificate>, InvalidBundle> {
    let first = match jwk.get("x5c") {
        None => return Ok(None),
        Some(Value::Array(list)) if list.is_empty() => return Ok(None),
        // Of several certificates, all but the first are ignored.
        Some(Value::Array(list)) => list[0].as_str(),
        Some(_) => None,
    };
    let der = first.and_then(|text| STANDARD.decode(text).ok()).ok_or(InvalidBundle::X5c { index })?;
    let certificate = match SigningCertificate::from_der(&CertificateDer::from(der)) {
        Ok(certificate) => certificate,
        // §4.2.1: a curve that is not known is a kind that is not known.
        Err(InvalidSvid::KeyKind) => return Ok(None),
        Err(source) => return Err(InvalidBundle::Certificate { index, source }),
    };
    let differs = |(name, value): (&&str, &String)| jwk.get(*name).is_some_and(|own| own != value);
    if certificate.key().iter().any(differs) {
        return Err(InvalidBundle::OtherKey { index });
    }
    Ok(Some(certificate))
}

/// JWT-SVID §6.2.
fn jwt_authority(jwk: BTreeMap<String, Value>, index: usize) -> Result<Option<JwtAuthority>, InvalidBundle> {
    let curve = text(&jwk, "crv").unwrap_or_default();
    // JWT-SVID §2.1 knows RSA and the NIST curves; a key for anything else is of an unknown kind.
    if !matches!((text(&jwk, "kty"), curve), (Some("RSA"), _) | (Some("EC"), "P-256" | "P-384" | "P-521")) {
        return Ok(None);
    }
    // JWT-SVID §6.1.
    let key_id = text(&jwk, "kid").filter(|id| !id.is_empty()).ok_or(InvalidBundle::NoKeyId { index })?;
    let key_id = key_id.to_owned();
    let members = PUBLIC_MEMBERS.into_iter().filter_map(|name| Some((name, text(&jwk, name)?.to_owned())));
    let members = members.collect();
    let key = Key::of_bundle(Value::Object(jwk.into_iter().collect())).ok_or(InvalidBundle::Key { index })?;
    Ok(Some(JwtAuthority { key_id, members, key }))
}

fn text<'j>(jwk: &'j BTreeMap<String, Value>, name: &str) -> Option<&'j str> {
    jwk.get(name).and_then(Value::as_str)
}

impl JwtAuthority {
    /// The P-256 key at `point` (SEC 1 §2.3.3, uncompressed), which verifies ES256.
    ///
    /// # Errors
    /// When that is no such point, or there is no key id.
    pub fn of_p256(key_id: &str, point: &[u8]) -> Result<Self, InvalidBundle> {
        let coordinates = point.strip_prefix(&[4]).filter(|rest| rest.len() == 64);
        let (x, y) = coordinates.ok_or(InvalidBundle::Key { index: 0 })?.split_at(32);
        let base64 = |bytes| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "x": base64(x), "y": base64(y), "kid": key_id});
        let Value::Object(jwk) = jwk else { return Err(InvalidBundle::Key { index: 0 }) };
        jwt_authority(jwk.into_iter().collect(), 0)?.ok_or(InvalidBundle::Key { index: 0 })
    }

    /// The id that tokens name it by.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }
}
