//! The causes of a failed push that have a remedy of their own, by the types of the errors.

use std::{error::Error as StdError, io};

use oci_client::errors::OciDistributionError;
use rustls::CertificateError;

use super::{credential, registry::Error};

/// The cause of a failed push.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// Docker's configuration could not be read.
    Configuration,
    /// The credential helper that docker's configuration names could not be run.
    Helper,
    /// The credential is a token that only docker can use.
    IdentityToken,
    /// This machine has no certificates of authorities.
    NoAuthorities,
    /// The registry's certificate is of an authority that this machine does not know.
    UnknownAuthority,
    /// The registry's certificate is not valid, such as an expired one.
    Certificate,
    /// The registry's answer to a TLS handshake is none.
    NoTls,
    /// The registry refuses the user.
    User,
    /// The registry could not be reached, or failed.
    Other,
}

impl Cause {
    /// Returns the cause of a failed push.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::Credential(credential::Error::NoHelper { .. }) => Self::Helper,
            Error::Credential(credential::Error::IdentityToken(_)) => Self::IdentityToken,
            Error::Credential(_) => Self::Configuration,
            Error::Client(_) => Self::NoAuthorities,
            Error::LogIn { source, .. } | Error::Part { source, .. } | Error::Manifest { source, .. } => {
                Self::of_answer(source)
            }
        }
    }

    fn of_answer(error: &OciDistributionError) -> Self {
        match error {
            OciDistributionError::AuthenticationFailure(_)
            | OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::ServerError { code: 401 | 403, .. } => Self::User,
            error => Self::of_chain(error),
        }
    }

    fn of_chain(error: &(dyn StdError + 'static)) -> Self {
        tls(error).map_or(Self::Other, Self::of_tls)
    }

    fn of_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => Self::UnknownAuthority,
            rustls::Error::InvalidCertificate(_) => Self::Certificate,
            rustls::Error::InvalidMessage(_) => Self::NoTls,
            _ => Self::Other,
        }
    }
}

/// Returns the error of TLS in a chain of errors.
fn tls<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // The source of an I/O error is that of the error inside.
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inside {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use rustls::InvalidMessage;

    use super::*;

    /// An error of TLS as the client of HTTP wraps it.
    #[derive(Debug, thiserror::Error)]
    #[error("client error (Connect)")]
    struct Connect(#[source] io::Error);

    fn wrapped(error: rustls::Error) -> Connect {
        Connect(io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error)))
    }

    #[test]
    fn an_error_of_tls_is_found_below_others() {
        for (error, cause) in [
            (CertificateError::UnknownIssuer.into(), Cause::UnknownAuthority),
            (CertificateError::Expired.into(), Cause::Certificate),
            (InvalidMessage::InvalidContentType.into(), Cause::NoTls),
            (rustls::Error::HandshakeNotComplete, Cause::Other),
        ] {
            assert_eq!(Cause::of_chain(&wrapped(error)), cause);
        }
    }

    #[test]
    fn a_refused_user_is_told_from_a_failing_registry() {
        let cause = |code| {
            let (url, message) = ("https://registry.example/v2/".into(), String::new());
            let source = OciDistributionError::ServerError { code, url, message };
            Cause::of(&Error::Part { digest: "sha256:0".into(), source })
        };
        assert_eq!([401, 403, 404, 500].map(cause), [Cause::User, Cause::User, Cause::Other, Cause::Other]);
    }
}
