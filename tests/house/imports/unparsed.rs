//! Paths among tokens that nobody parses: those inside of macros and attributes.

use proc_macro2::{TokenStream, TokenTree};

use crate::product::is_punct;

/// Returns each path with the line of its first name.
pub(super) fn paths(tokens: TokenStream) -> Vec<(Vec<String>, usize)> {
    let mut paths: Vec<(Vec<String>, usize)> = Vec::new();
    let mut colons = 0;
    let mut open = false;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                match paths.last_mut() {
                    Some((path, _)) if open && colons == 2 => path.push(ident.to_string()),
                    _ => paths.push((vec![ident.to_string()], ident.span().start().line)),
                }
                (open, colons) = (true, 0);
            }
            token if is_punct(&token, ':') => colons += 1,
            token => {
                open = false;
                if let TokenTree::Group(group) = token {
                    paths.extend(self::paths(group.stream()));
                }
            }
        }
    }
    paths
}
