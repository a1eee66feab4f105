//! The product's share of a source file: everything outside of `#[cfg(test)]`, and of the bodies of the fuzz targets.

use std::iter::Peekable;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree, token_stream::IntoIter};

/// Keywords that open an item whose body in braces ends the item.
const BODIED: &[&str] = &["enum", "extern", "fn", "impl", "macro_rules", "mod", "struct", "trait", "union"];

/// Keywords that open an item or a statement, besides [`BODIED`].
const OPENING: &[&str] = &["async", "const", "let", "pub", "static", "type", "unsafe", "use"];

/// Returns the tokens without the items, fields and statements that only tests have. Spans stay as they are.
pub(crate) fn without_tests(tokens: TokenStream) -> TokenStream {
    let mut kept = Vec::new();
    let mut attributes = Vec::new();
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        if is_punct(&token, '#')
            && let Some(TokenTree::Group(attribute)) = rest.next_if(
                |next| matches!(next, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket),
            )
        {
            if is_test(&attribute) {
                attributes.clear();
                skip_item(&mut rest);
            } else {
                attributes.extend([token, TokenTree::Group(attribute)]);
            }
            continue;
        }
        kept.append(&mut attributes);
        kept.push(match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_tests(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other,
        });
    }
    kept.append(&mut attributes);
    kept.into_iter().collect()
}

/// Decides if an attribute's brackets hold `cfg(test)`, `cfg(all(test, …))` or the condition of the fuzz targets.
fn is_test(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    ["cfg(test)", "cfg(any(test,feature=\"fuzzing\"))"].contains(&text.as_str())
        || text.starts_with("cfg(all(test,")
}

/// Drops the item, statement, field or variant that follows an attribute.
fn skip_item(rest: &mut Peekable<IntoIter>) {
    while rest.next_if(|next| is_punct(next, '#')).is_some() {
        rest.next();
    }
    let item = rest.peek().is_some_and(|first| is_one_of(first, BODIED) || is_one_of(first, OPENING));
    let mut bodied = false;
    for token in rest {
        bodied |= is_one_of(&token, BODIED);
        let braces = matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        if is_punct(&token, ';') || (!item && is_punct(&token, ',')) || (item && bodied && braces) {
            break;
        }
    }
}

pub(crate) fn is_punct(token: &TokenTree, expected: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == expected)
}

fn is_one_of(token: &TokenTree, words: &[&str]) -> bool {
    matches!(token, TokenTree::Ident(ident) if words.iter().any(|word| ident == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asserts that two sources have the same tokens once the tests are gone from the first.
    #[track_caller]
    fn assert_left(source: &str, left: &str) {
        let tokens = |text: &str| text.parse::<TokenStream>().expect("tokens");
        assert_eq!(without_tests(tokens(source)).to_string(), tokens(left).to_string());
    }

    #[test]
    fn a_test_module_goes_with_its_comment() {
        assert_left("/// Tests.\n#[cfg(test)] #[expect(x)] mod tests { fn a() {} } struct A;", "struct A;");
    }

    #[test]
    fn a_test_method_goes() {
        assert_left(
            "impl A { #[cfg(test)] pub const fn a() -> [u8; 1] { [1] } fn b() {} }",
            "impl A { fn b() {} }",
        );
    }

    #[test]
    fn a_test_import_goes_up_to_its_semicolon() {
        assert_left("#[cfg(test)] use a::{b, c}; use d;", "use d;");
    }

    #[test]
    fn a_test_variant_goes_up_to_its_comma() {
        assert_left("enum A { #[cfg(test)] B(u8), C }", "enum A { C }");
    }

    #[test]
    fn a_body_for_fuzzing_goes() {
        assert_left("#[cfg(any(test, feature = \"fuzzing\"))] pub mod fuzz; mod a;", "mod a;");
    }

    #[test]
    fn code_of_a_feature_stays() {
        let source = "#[cfg(feature = \"test\")] fn a() {} #[cfg(any(test, unix))] fn b() {}";
        assert_left(source, source);
    }
}
