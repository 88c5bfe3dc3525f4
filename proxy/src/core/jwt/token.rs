//! The compact form of a JWS (RFC 7515 §3.1), taken apart.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use policy::resource::secure_ingress::JwtAlgorithm;
use serde_json::Value;

use super::{JwtRefusal, UniqueNames};

/// Larger tokens are not tokens but an attempt on our memory.
const TOKEN_BYTES_MAX: usize = 16 << 10;

pub(super) struct Token<'t> {
    header: BTreeMap<String, Value>,
    payload: &'t str,
    signed: &'t str,
    signature: Vec<u8>,
}

impl<'t> Token<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Self, JwtRefusal> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(JwtRefusal::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(JwtRefusal::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(JwtRefusal::Malformed)?;
        // Five parts are a JWE, which is not served.
        if payload.contains('.') {
            return Err(JwtRefusal::Malformed);
        }
        let header = object(header)?;
        // RFC 7515 §4.1.11: what is critical and not understood refuses the token. Nothing is understood.
        if header.contains_key("crit") {
            return Err(JwtRefusal::Critical);
        }
        let kid_fits = header.get("kid").is_none_or(Value::is_string);
        if !kid_fits {
            return Err(JwtRefusal::Malformed);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_not_base64| JwtRefusal::Malformed)?;
        Ok(Self { header, payload, signed, signature })
    }

    /// `alg`, if it is one that could ever be accepted. Exact, as RFC 7515 §4.1.1 says.
    pub(super) fn algorithm(&self) -> Option<JwtAlgorithm> {
        serde_json::from_value(self.header.get("alg")?.clone()).ok()
    }

    /// Whether `typ` is absent or one of these.
    pub(super) fn is_of_type(&self, is_wanted: impl Fn(&str) -> bool) -> bool {
        self.header.get("typ").is_none_or(|typ| typ.as_str().is_some_and(is_wanted))
    }

    /// The names in the header.
    pub(super) fn header_names(&self) -> impl Iterator<Item = &str> {
        self.header.keys().map(String::as_str)
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    pub(super) fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }

    pub(super) fn claims(&self) -> Result<BTreeMap<String, Value>, JwtRefusal> {
        object(self.payload)
    }
}

fn object(part: &str) -> Result<BTreeMap<String, Value>, JwtRefusal> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_not_base64| JwtRefusal::Malformed)?;
    // serde_json refuses more than 128 levels.
    let UniqueNames(object) = serde_json::from_slice(&json).map_err(|_not_json| JwtRefusal::Malformed)?;
    Ok(object)
}
