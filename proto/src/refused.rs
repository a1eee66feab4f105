//! The reasons for which a message is refused.

use crate::Observer;

/// The reason for which a message is refused, one variant for each kind of fault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    /// A field that the schema demands is missing.
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
        /// The longest accepted length, in bytes.
        limit: usize,
    },
    /// A list holds more items than the schema allows.
    #[error("{field} holds more than {limit} items")]
    TooMany {
        /// The field's name.
        field: &'static str,
        /// The largest accepted number of items.
        limit: usize,
    },
    /// A text field holds a control character, which could steer the reader's terminal.
    #[error("{field} holds a control character")]
    ControlCharacter {
        /// The field's name.
        field: &'static str,
    },
    /// A number, address or identifier lies outside the field's range.
    #[error("{field} is out of range")]
    OutOfRange {
        /// The field's name.
        field: &'static str,
    },
    /// A list names the same item twice.
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
        /// The unknown number.
        value: i32,
    },
    /// One observer delivered the fact of another.
    #[error("the observer {observer} delivered the fact of {fact}", observer = observer.id(), fact = fact.id())]
    ForeignFact {
        /// The observer that delivered the fact.
        observer: Observer,
        /// The observer that the fact belongs to.
        fact: Observer,
    },
}
