//! JSON Web Key Sets (RFC 7517), and verifying with them.

use aws_lc_rs::signature::{
    self, EcdsaVerificationAlgorithm, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use policy::resource::secure_ingress::JwtAlgorithm;
use serde::Deserialize;

use super::JwtRefusal;

/// The public keys of an issuer.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// A key that can verify.
#[derive(Clone, Debug)]
pub struct Key {
    id: Option<String>,
    /// The one algorithm that it is for, if it says.
    algorithm: Option<JwtAlgorithm>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    P521(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// Why a text is no key set.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKeySet {
    /// More than [`KeySet::BYTES_MAX`].
    #[error("the key set is larger than {} bytes", KeySet::BYTES_MAX)]
    TooLarge,
    /// Not a JWK set.
    #[error("not a JSON Web Key Set")]
    Json(#[source] serde_json::Error),
    /// None of its keys can verify a signature that is ever accepted.
    #[error("the key set has no key that can be used")]
    NoKeys,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

impl KeySet {
    /// Larger sets are not key sets.
    pub const BYTES_MAX: usize = 1 << 20;
    /// Keys beyond these are not looked at: a token without `kid` is tried against each that fits.
    const KEYS_MAX: usize = 100;
    /// How many keys one token is tried against.
    const TRIES_MAX: usize = 8;

    /// Reads a JWK set. Keys of kinds that are not known are passed over (RFC 7517 §5).
    ///
    /// # Errors
    /// When the text is no JWK set, or nothing in it can be used.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidKeySet> {
        if json.len() > Self::BYTES_MAX {
            return Err(InvalidKeySet::TooLarge);
        }
        let set: JwkSet = serde_json::from_slice(json).map_err(InvalidKeySet::Json)?;
        let keys: Vec<Key> = set
            .keys
            .into_iter()
            .take(Self::KEYS_MAX)
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok())
            .filter_map(|key| Key::from_jwk(&key))
            .collect();
        if keys.is_empty() { Err(InvalidKeySet::NoKeys) } else { Ok(Self { keys }) }
    }

    /// A set of the keys of one trust domain, which may be none.
    pub(crate) fn of_bundle_keys(keys: Vec<Key>) -> Self {
        Self { keys }
    }

    /// Verifies a signature with the key that the token names, or with each that fits if it names none.
    pub(super) fn verify(
        &self,
        algorithm: JwtAlgorithm,
        id: Option<&str>,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), JwtRefusal> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| id.is_none() || key.id.as_deref() == id)
            .filter(|key| key.fits(algorithm))
            .take(Self::TRIES_MAX)
            .peekable();
        if fitting.peek().is_none() {
            return Err(JwtRefusal::UnknownKey);
        }
        let verified = fitting.any(|key| key.material.verify(algorithm, signed, signature));
        if verified { Ok(()) } else { Err(JwtRefusal::Signature) }
    }
}

impl Key {
    fn from_jwk(jwk: &Jwk) -> Option<Self> {
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        Self::of_members(jwk)
    }

    /// Reads a JWK of a SPIFFE bundle whose `use` is `jwt-svid` (JWT-SVID §6.1). Nothing, if its kind is not known.
    pub(crate) fn of_bundle(jwk: serde_json::Value) -> Option<Self> {
        Self::of_members(&serde_json::from_value(jwk).ok()?)
    }

    fn of_members(jwk: &Jwk) -> Option<Self> {
        // RFC 7517 §4.3.
        if jwk.key_ops.as_ref().is_some_and(|uses| !uses.iter().any(|one| one == "verify")) {
            return None;
        }
        // A key that says an algorithm we do not know is for nothing here.
        let algorithm = match &jwk.alg {
            Some(name) => Some(serde_json::from_value(name.as_str().into()).ok()?),
            None => None,
        };
        let bytes = |part: &Option<String>| URL_SAFE_NO_PAD.decode(part.as_deref()?).ok();
        let point = |size: usize| {
            let (x, y) = (bytes(&jwk.x)?, bytes(&jwk.y)?);
            // SEC 1 §2.3.3, uncompressed.
            (x.len() == size && y.len() == size).then(|| [&[4], x.as_slice(), y.as_slice()].concat())
        };
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => {
                let (modulus, exponent) = (bytes(&jwk.n)?, bytes(&jwk.e)?);
                // NIST SP 800-131A: 2048 bits at least; the library takes 8192 at most.
                let leading_zeros = modulus.first()?.leading_zeros() as usize;
                let bits = modulus.len() * 8 - leading_zeros;
                // A leading zero byte is not how RFC 7518 §6.3.1.1 writes a number; an even exponent is no exponent.
                let is_sound = leading_zeros < 8 && exponent.last()? % 2 == 1 && exponent != [1];
                let fits = is_sound && (2048..=8192).contains(&bits);
                fits.then_some(Material::Rsa { modulus, exponent })?
            }
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("EC", Some("P-521")) => Material::P521(point(66)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(&jwk.x).filter(|x| x.len() == 32)?),
            _ => return None,
        };
        Some(Self { id: jwk.kid.clone(), algorithm, material })
    }

    /// Whether the algorithm is for this kind of key, and for this key (RFC 8725 §3.1).
    fn fits(&self, algorithm: JwtAlgorithm) -> bool {
        use JwtAlgorithm::{ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        let kind_fits = match algorithm {
            RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => matches!(self.material, Material::Rsa { .. }),
            ES256 => matches!(self.material, Material::P256(_)),
            ES384 => matches!(self.material, Material::P384(_)),
            ES512 => matches!(self.material, Material::P521(_)),
            EdDSA => matches!(self.material, Material::Ed25519(_)),
        };
        kind_fits && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

impl Material {
    fn verify(&self, algorithm: JwtAlgorithm, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { modulus, exponent } => {
                let Some(parameters) = rsa_parameters(algorithm) else { return false };
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(parameters, signed, signature).is_ok()
            }
            Self::P256(point) => ecdsa(&signature::ECDSA_P256_SHA256_FIXED, point, signed, signature),
            Self::P384(point) => ecdsa(&signature::ECDSA_P384_SHA384_FIXED, point, signed, signature),
            Self::P521(point) => ecdsa(&signature::ECDSA_P521_SHA512_FIXED, point, signed, signature),
            Self::Ed25519(key) => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(signed, signature).is_ok()
            }
        }
    }
}

fn ecdsa(kind: &'static EcdsaVerificationAlgorithm, point: &[u8], signed: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(kind, point).verify(signed, signature).is_ok()
}

fn rsa_parameters(algorithm: JwtAlgorithm) -> Option<&'static RsaParameters> {
    use JwtAlgorithm::{ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    match algorithm {
        RS256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        RS384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        RS512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        PS256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        PS384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        PS512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        ES256 | ES384 | ES512 | EdDSA => None,
    }
}
