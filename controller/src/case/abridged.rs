//! Long lists in a sentence.

/// Joins the first texts, up to `most` of them, and counts the rest.
pub fn abridged(texts: &[String], most: usize, separator: &str) -> String {
    let named = texts.get(..most).unwrap_or(texts);
    let more = texts.len() - named.len();
    named.join(separator) + &if more == 0 { String::new() } else { format!("{separator}and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_list_is_counted() {
        let texts = ["a", "b", "c", "d"].map(str::to_owned);
        assert_eq!(abridged(&texts, 2, "; "), "a; b; and 2 more");
    }

    #[test]
    fn a_list_that_fits_is_whole() {
        let texts = ["a", "b"].map(str::to_owned);
        assert_eq!(abridged(&texts, 2, ", "), "a, b");
    }
}
