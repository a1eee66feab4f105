//! Credentials that are put into a sandbox: counted, never carried.

use serde::{Deserialize, Serialize};

use crate::{Refused, generated, limits::texts};

/// The contents of `/run/secrets` and `/var/run/secrets`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// The service account's token; `None` if it cannot be read.
    pub token: Option<Token>,
    /// The number of regular files.
    pub files: u32,
    /// The total size of these files, in bytes.
    pub bytes: u64,
    /// The folders that could not be read.
    pub unseen: Vec<String>,
    /// True if there are more entries than were looked at.
    pub truncated: bool,
}

/// A service account's token, as its payload describes it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The size of the token in bytes.
    pub size: u64,
    /// The audiences that the token is meant for; empty if the payload names none.
    pub audiences: Vec<String>,
    /// The time at which the token expires, in seconds since 1970; `None` if the payload states none.
    pub expires: Option<u64>,
}

// === impl Secrets ===

impl From<Secrets> for generated::Secrets {
    fn from(Secrets { token, files, bytes, unseen, truncated }: Secrets) -> Self {
        Self { token: token.map(Into::into), files, bytes, unseen, truncated }
    }
}

impl TryFrom<generated::Secrets> for Secrets {
    type Error = Refused;

    fn try_from(message: generated::Secrets) -> Result<Self, Refused> {
        let generated::Secrets { token, files, bytes, unseen, truncated } = message;
        Ok(Self {
            token: token.map(Token::try_from).transpose()?,
            files,
            bytes,
            unseen: texts("unseen", unseen)?,
            truncated,
        })
    }
}

// === impl Token ===

impl From<Token> for generated::Token {
    fn from(Token { size, audiences, expires }: Token) -> Self {
        Self { size, audiences, expires }
    }
}

impl TryFrom<generated::Token> for Token {
    type Error = Refused;

    fn try_from(generated::Token { size, audiences, expires }: generated::Token) -> Result<Self, Refused> {
        Ok(Self { size, audiences: texts("audiences", audiences)?, expires })
    }
}
