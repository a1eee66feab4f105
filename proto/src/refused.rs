//! Why a message was not accepted.

use crate::Observer;

/// One variant for each way in which a message can be wrong.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    /// A field that the schema demands is not there.
    #[error("{field} is missing")]
    Missing {
        /// The field's name.
        field: &'static str,
    },
    /// A text or byte field is longer than the schema allows.
    #[error("{field} is longer than {limit} bytes")]
    TooLong {
        /// The field's name.
        field: &'static str,
        /// The longest that is accepted, in bytes.
        limit: usize,
    },
    /// A list holds more items than the schema allows.
    #[error("{field} holds more than {limit} items")]
    TooMany {
        /// The field's name.
        field: &'static str,
        /// The most that is accepted.
        limit: usize,
    },
    /// A text field holds a control character, which could steer the reader's terminal.
    #[error("{field} holds a control character")]
    ControlCharacter {
        /// The field's name.
        field: &'static str,
    },
    /// A number, address or identifier lies outside of what the field can mean.
    #[error("{field} is out of range")]
    OutOfRange {
        /// The field's name.
        field: &'static str,
    },
    /// A list names the same thing twice.
    #[error("{field} names one thing twice")]
    Repeated {
        /// The field's name.
        field: &'static str,
    },
    /// An enum's number has no meaning in this schema.
    #[error("{field} has the unknown value {value}")]
    UnknownValue {
        /// The field's name.
        field: &'static str,
        /// The number.
        value: i32,
    },
    /// A fact of one kind came from the observer of another.
    #[error("the observer {observer} delivered the fact of {fact}", observer = observer.id(), fact = fact.id())]
    ForeignFact {
        /// Who delivered.
        observer: Observer,
        /// Whose fact it is.
        fact: Observer,
    },
}
