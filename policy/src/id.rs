//! Names. Each type proves that its text is well formed; the only way in is parsing.

mod domain;
mod duration;
mod email;
mod host_name;
mod http_name;
mod http_uri;
mod name;
mod reference;
mod spiffe_id;
#[cfg(test)]
mod tests;
mod trust_domain;

pub use domain::{Domain, InvalidDomain};
pub use duration::{InvalidSpan, Span};
pub use email::{Email, InvalidEmail};
pub use host_name::{HostName, InvalidHostName};
pub use http_name::{HeaderName, InvalidHttpName, MethodName};
pub use http_uri::{HttpUri, InvalidHttpUri};
pub use name::{InvalidName, Name};
pub use reference::{Kind, ResourceKey};
pub use spiffe_id::{InvalidSpiffeId, SpiffeId, SpiffeIdPrefix};
pub use trust_domain::{InvalidTrustDomain, TrustDomain};

/// Implements serde, schemars and the usual conversions for a checked string type that has `FromStr`.
macro_rules! checked_text {
    ($type:ident, $pattern:expr, $about:expr) => {
        impl TryFrom<String> for $type {
            type Error = <$type as std::str::FromStr>::Err;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Reader;
                impl serde::de::Visitor<'_> for Reader {
                    type Value = $type;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("text: ")?;
                        f.write_str($about)
                    }
                    // Parsing here, and not after, lets a deserializer learn whether a text would do.
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Reader)
            }
        }
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": $pattern, "description": $about})
            }
        }
    };
}
pub(crate) use checked_text;
