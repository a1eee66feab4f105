//! Credentials that are put into a sandbox, counted; none of them is ever carried.

use serde::{Deserialize, Serialize};

use crate::{Refused, generated, limits::texts};

/// What lies below `/run/secrets` and `/var/run/secrets`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Secrets {
    /// The service account's token, where it can be read.
    pub token: Option<Token>,
    /// How many regular files there are.
    pub files: u32,
    /// Their sizes together.
    pub bytes: u64,
    /// Folders that could not be looked into.
    pub unseen: Vec<String>,
    /// Whether there is more than was looked at.
    pub truncated: bool,
}

/// A service account's token, by what its payload says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Token {
    /// In bytes.
    pub size: u64,
    /// Whom it is meant for.
    pub audiences: Vec<String>,
    /// Until when it is valid, in seconds since 1970.
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
