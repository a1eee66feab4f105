//! Links of the pages lead to files that exist.

use std::path::{Path, PathBuf};

use crate::sources::{read, root};

/// Folders of a checkout that hold no pages of the project.
const OTHERS: &[&str] = &["target", "node_modules"];

#[test]
fn every_relative_link_of_a_page_leads_to_a_file() {
    let pages = pages(&root());
    assert!(pages.len() > 10, "{pages:?}");
    let broken: Vec<_> = pages.iter().flat_map(|page| broken(page, &read(page))).collect();
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn a_link_to_a_missing_file_is_found() {
    let text = "[a](README.md), [b](nowhere.md#part), [c](https://example.com/), [d](#part)";
    assert_eq!(broken("README.md", text), ["README.md: nowhere.md"]);
}

/// Returns the pages below a folder, named from the repository's top folder.
fn pages(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder of the checkout is readable").flatten();
    let mut pages = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && !OTHERS.contains(&name.as_str()) {
            pages.extend(self::pages(&path));
        } else if path.extension().is_some_and(|ending| ending == "md") {
            let page = path.strip_prefix(root()).expect("the page lies in the checkout");
            pages.push(page.to_string_lossy().into_owned());
        }
    }
    pages
}

/// Returns the relative links of a page that lead nowhere, with the page's name.
fn broken(page: &str, text: &str) -> Vec<String> {
    let folder: PathBuf = root().join(page).parent().map(Path::to_owned).unwrap_or_default();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
    let files = links.filter_map(|link| link.split('#').next()).filter(|file| !file.is_empty());
    let relative = files.filter(|file| !file.contains("://") && !file.contains(' '));
    relative.filter(|file| !folder.join(file).exists()).map(|file| format!("{page}: {file}")).collect()
}
