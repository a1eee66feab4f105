//! One message of the probe's stream.

use crate::{Nonce, Observed, Refused, generated, limits::present};

/// One message of the stream: an observation, or the closing after the last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delivery {
    /// The nonce of the assignment that the delivery answers.
    pub nonce: Nonce,
    /// The content of the message.
    pub content: Content,
}

/// The content of a delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// One observer's result.
    Observed(Observed),
    /// The end of the stream.
    Closing {
        /// The number of results that the probe has sent.
        observations: u32,
    },
}

impl From<Delivery> for generated::Delivery {
    fn from(Delivery { nonce, content }: Delivery) -> Self {
        use generated::delivery;
        let content = match content {
            Content::Observed(observed) => delivery::Content::Observed(observed.into()),
            Content::Closing { observations } => {
                delivery::Content::Closing(generated::Closing { observations })
            }
        };
        Self { nonce: nonce.into(), content: Some(content) }
    }
}

impl TryFrom<generated::Delivery> for Delivery {
    type Error = Refused;

    fn try_from(generated::Delivery { nonce, content }: generated::Delivery) -> Result<Self, Refused> {
        use generated::delivery;
        let nonce = nonce.try_into()?;
        let content = match present("content", content)? {
            delivery::Content::Observed(observed) => Content::Observed(observed.try_into()?),
            delivery::Content::Closing(generated::Closing { observations }) => {
                Content::Closing { observations }
            }
        };
        Ok(Self { nonce, content })
    }
}
