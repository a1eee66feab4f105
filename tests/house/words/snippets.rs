//! Proof on small texts that each rule catches its fault, and leaves good sentences alone.

use super::{breaches, texts};

/// Returns line and rule of each breach in a source of the controller.
fn found(source: &str) -> Vec<String> {
    found_in("controller/src/judge/exit.rs", source)
}

fn found_in(file: &str, source: &str) -> Vec<String> {
    let breaches = texts::of_source(file, source).iter().flat_map(breaches).collect::<Vec<_>>();
    breaches.iter().map(|breach| format!("{} {}", breach.line, breach.rule)).collect()
}

fn found_in_page(source: &str) -> Vec<String> {
    breaches(&texts::of_page("README.md", source)).iter().map(|breach| breach.rule.clone()).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn each_opening_is_caught() {
    for opening in ["What", "Whether", "Whoever", "Where", "That", "Which"] {
        let source = format!("/// {opening} the probe sees is judged.\nstruct A;");
        assert_eq!(found(&source), [format!("1 begins with {opening:?}")]);
    }
}

#[test]
fn an_opening_behind_a_preposition_is_caught() {
    assert_eq!(found("/// By which name the pod goes.\nstruct A;"), ["1 begins with \"By which\""]);
}

#[test]
fn a_question_may_begin_so() {
    assert_eq!(found("/// What does the probe see?\nstruct A;"), NOTHING);
}

#[test]
fn a_longer_word_is_no_opening() {
    assert_eq!(found("/// Whatever fits, By whichever way.\nstruct A;"), NOTHING);
}

#[test]
fn an_opening_inside_of_a_sentence_is_fine() {
    assert_eq!(
        found("/// Returns the file that\n/// That names, by which What is known.\nstruct A;"),
        NOTHING
    );
}

#[test]
fn a_later_sentence_is_read_too() {
    assert_eq!(
        found("//! Reads the file,\n//! see `a.rs`. Where it is\n//! empty, fails."),
        ["2 begins with \"Where\""]
    );
}

#[test]
fn a_comment_of_a_field_is_read() {
    assert_eq!(
        found("struct A {\n    /// Whether all are met.\n    a: bool,\n}"),
        ["2 begins with \"Whether\""]
    );
}

#[test]
fn a_comment_inside_of_a_macro_is_read() {
    assert_eq!(found("observers! {\n    /// The pod.\n    Pod,\n}"), ["2 fewer than three words"]);
}

#[test]
fn a_short_comment_is_caught() {
    assert_eq!(found("/// A probe.\nstruct A;"), ["1 fewer than three words"]);
}

#[test]
fn comments_of_file_and_item_are_two() {
    assert_eq!(found("//! The pod.\n/// A probe that runs.\nstruct A;"), ["1 fewer than three words"]);
}

#[test]
fn three_words_on_two_lines_are_enough() {
    assert_eq!(found("/// A probe\n/// [`Pod`].\nstruct A;"), NOTHING);
}

#[test]
fn code_in_a_comment_is_no_text() {
    assert_eq!(found("/// Splits a text.\n/// ```\n/// That\n/// ```\nstruct A;"), NOTHING);
}

#[test]
fn an_error_message_is_caught() {
    assert_eq!(found("#[error(\"what {0} says is unknown\")]\nstruct A;"), ["1 begins with \"What\""]);
}

#[test]
fn a_literal_in_a_macro_is_caught() {
    assert_eq!(found("fn a() {\n    format!(\"Pods run. That pod runs.\");\n}"), ["2 begins with \"That\""]);
}

#[test]
fn a_literal_that_goes_on_begins_no_sentence() {
    assert_eq!(found("const A: &str = \" that is met\";"), NOTHING);
}

#[test]
fn a_literal_without_a_space_is_an_identifier() {
    assert_eq!(found("const A: &str = \"witness\";"), NOTHING);
}

#[test]
fn literals_of_tests_are_free() {
    assert_eq!(found("#[cfg(test)]\nmod tests { const A: &str = \"what is undecided\"; }"), NOTHING);
}

#[test]
fn the_glossary_holds_in_comments() {
    assert_eq!(
        found("/// A witness stands\n/// for a pod.\nstruct A;"),
        ["1 says \"stands for\"", "1 says \"witness\""]
    );
}

#[test]
fn names_in_backticks_are_no_words() {
    assert_eq!(found("/// Starts the [`witness`] of a pod.\nstruct A;"), NOTHING);
}

#[test]
fn the_glossary_holds_in_messages_of_the_probe() {
    let source = "/// Texts are left open here.\nconst A: &str = \"Where the limit is left open\";";
    assert_eq!(found_in("probe/src/limits.rs", source), ["2 says \"left open\""]);
}

#[test]
fn an_outcome_has_four_names() {
    for word in ["left open", "undecided", "wanting"] {
        let source = format!("const A: &str = \"limits are {word}\";");
        assert_eq!(found(&source), [format!("1 says {word:?}")]);
    }
}

#[test]
fn the_glossary_holds_in_pages() {
    assert_eq!(
        found_in_page("# What it does\n\n| a | It is what was seen |\n\n`witness`"),
        ["says \"what was seen\""]
    );
}

#[test]
fn code_in_a_page_is_no_text() {
    assert_eq!(found_in_page("```\nwitness\n```\nA good page."), NOTHING);
}

#[test]
fn a_name_in_a_template_is_no_text() {
    assert_eq!(found_in_page("<p>{% if subject.stands_for() %}</p>"), NOTHING);
}
