//! The sizes that the schema allows, checked when a message arrives.

use crate::Refused;

/// The longest text, in bytes.
pub const TEXT: usize = 4096;
/// The longest list, in items.
pub const LIST: usize = 1024;

pub(crate) fn text(field: &'static str, text: String) -> Result<String, Refused> {
    if text.len() > TEXT {
        return Err(Refused::TooLong { field, limit: TEXT });
    }
    if text.chars().any(char::is_control) {
        return Err(Refused::ControlCharacter { field });
    }
    Ok(text)
}

pub(crate) fn list<From, To>(
    field: &'static str,
    items: Vec<From>,
    parse: impl FnMut(From) -> Result<To, Refused>,
) -> Result<Vec<To>, Refused> {
    if items.len() > LIST {
        return Err(Refused::TooMany { field, limit: LIST });
    }
    items.into_iter().map(parse).collect()
}

pub(crate) fn texts(field: &'static str, texts: Vec<String>) -> Result<Vec<String>, Refused> {
    list(field, texts, |item| text(field, item))
}

pub(crate) fn present<T>(field: &'static str, value: Option<T>) -> Result<T, Refused> {
    value.ok_or(Refused::Missing { field })
}

/// Returns the bytes as a SHA-256; refuses any other length.
pub(crate) fn digest(field: &'static str, bytes: Vec<u8>) -> Result<[u8; 32], Refused> {
    bytes.try_into().map_err(|_| Refused::OutOfRange { field })
}

/// Refuses a list that holds an item twice.
pub(crate) fn distinct<T: Ord + Clone>(field: &'static str, items: &[T]) -> Result<(), Refused> {
    let mut sorted = items.to_vec();
    sorted.sort_unstable();
    let length = sorted.len();
    sorted.dedup();
    if sorted.len() == length { Ok(()) } else { Err(Refused::Repeated { field }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_could_steer_a_terminal_is_refused() {
        let refused = text("release", "4.4.0\u{1b}[2J".into()).unwrap_err();
        assert_eq!(refused, Refused::ControlCharacter { field: "release" });
    }

    #[test]
    fn text_beyond_the_longest_length_is_refused() {
        assert!(text("text", "x".repeat(TEXT)).is_ok());
        assert_eq!(text("text", "x".repeat(TEXT + 1)), Err(Refused::TooLong { field: "text", limit: TEXT }));
    }

    #[test]
    fn a_list_that_is_too_long_is_refused_before_its_items_are_parsed() {
        let parse = |_: u8| -> Result<u8, Refused> { panic!("parsed") };
        assert_eq!(
            list("items", vec![0; LIST + 1], parse),
            Err(Refused::TooMany { field: "items", limit: LIST })
        );
    }

    #[test]
    fn a_list_that_names_one_thing_twice_is_refused() {
        assert_eq!(distinct("targets", &[3, 1, 3]), Err(Refused::Repeated { field: "targets" }));
        assert_eq!(distinct("targets", &[3, 1, 2]), Ok(()));
    }
}
