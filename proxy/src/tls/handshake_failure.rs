//! Why a TLS handshake came to nothing, in few words.

use std::io;

use rustls::Error;

/// Why there is no connection. Few, so that each can be a series of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HandshakeFailure {
    /// The client did not finish in time.
    Timeout,
    /// The client went away.
    Closed,
    /// No certificate is served for the name that the client asked for, or it asked for none.
    NoCertificate,
    /// The client broke the handshake off, for instance because it does not trust the certificate.
    Rejected,
    /// Nothing that both sides speak: version, cipher suite, protocol.
    Incompatible,
    /// What the client sent is no TLS, or wrong TLS.
    Malformed,
}

impl HandshakeFailure {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 6] = [
        Self::Timeout,
        Self::Closed,
        Self::NoCertificate,
        Self::Rejected,
        Self::Incompatible,
        Self::Malformed,
    ];

    /// For metrics and logs.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::NoCertificate => "no_certificate",
            Self::Rejected => "rejected_by_client",
            Self::Incompatible => "incompatible",
            Self::Malformed => "malformed",
        }
    }
}

impl From<&io::Error> for HandshakeFailure {
    fn from(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            None => Self::Closed,
            Some(Error::AlertReceived(_)) => Self::Rejected,
            Some(Error::NoApplicationProtocol | Error::PeerIncompatible(_)) => Self::Incompatible,
            // rustls has no word of its own for a resolver that finds nothing.
            Some(Error::General(_)) => Self::NoCertificate,
            Some(_) => Self::Malformed,
        }
    }
}
