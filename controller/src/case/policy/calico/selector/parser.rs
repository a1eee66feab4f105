//! A parser by recursive descent: `||` binds less than `&&`, and `&&` less than `!`.

use super::{Expression, Test};

/// The deepest nesting of parentheses, which bounds the parser's stack.
const DEEPEST: usize = 50;
/// The longest label (tokenizer, `LabelKeyMatcher`).
const LONGEST: usize = 512;

pub(super) fn parse(text: &str) -> Result<Expression, String> {
    let mut rest = Rest(text);
    rest.skip();
    if rest.0.is_empty() {
        return Ok(Expression::All);
    }
    let expression = rest.or(0)?;
    if rest.0.is_empty() { Ok(expression) } else { Err(rest.unexpected()) }
}

/// The text that is not parsed yet; it never starts with white space.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn unexpected(&self) -> String {
        let near: String = self.0.chars().take(20).collect();
        if near.is_empty() {
            "the selector ends early".to_owned()
        } else {
            format!("the selector has {near:?}")
        }
    }

    /// Takes a symbol if the text starts with it.
    fn takes(&mut self, symbol: &str) -> bool {
        let Some(rest) = self.0.strip_prefix(symbol) else { return false };
        self.0 = rest;
        self.skip();
        true
    }

    fn wants(&mut self, symbol: &str) -> Result<(), String> {
        if self.takes(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn or(&mut self, depth: usize) -> Result<Expression, String> {
        let mut parts = vec![self.and(depth)?];
        while self.takes("||") {
            parts.push(self.and(depth)?);
        }
        Ok(joined(parts, Expression::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Expression, String> {
        let mut parts = vec![self.operation(depth)?];
        while self.takes("&&") {
            parts.push(self.operation(depth)?);
        }
        Ok(joined(parts, Expression::And))
    }

    fn operation(&mut self, depth: usize) -> Result<Expression, String> {
        let mut negated = false;
        while !self.0.starts_with("!=") && self.takes("!") {
            negated = !negated;
        }
        let part = self.operand(depth)?;
        Ok(if negated { Expression::Not(Box::new(part)) } else { part })
    }

    fn operand(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEEPEST {
            return Err("the selector is nested too deeply".to_owned());
        }
        if self.takes("(") {
            let part = self.or(depth + 1)?;
            self.wants(")")?;
            return Ok(part);
        }
        if let Some(label) = self.called("has") {
            return if label.is_empty() {
                Err("has() needs a label".to_owned())
            } else {
                Ok(Expression::Has(label.to_owned()))
            };
        }
        if self.called("all").is_some_and(str::is_empty) {
            return Ok(Expression::All);
        }
        if self.called("global").is_some_and(str::is_empty) {
            return Ok(Expression::Global);
        }
        let label = self.label().to_owned();
        if label.is_empty() {
            return Err(self.unexpected());
        }
        self.skip();
        Ok(Expression::Label(label, self.test()?))
    }

    /// Takes a function with at most a label as its argument. Without one, the text is left as it is.
    fn called(&mut self, name: &str) -> Option<&'a str> {
        let mut inner = Rest(self.0.strip_prefix(name)?.strip_prefix('(')?);
        inner.skip();
        let label = inner.label();
        inner.skip();
        inner.takes(")").then(|| {
            self.0 = inner.0;
            label
        })
    }

    fn label(&mut self) -> &'a str {
        let is_part = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '.' | '/' | '-');
        let end = self.0.find(|it| !is_part(it)).unwrap_or(self.0.len()).min(LONGEST);
        let (label, rest) = self.0.split_at_checked(end).unwrap_or(("", self.0));
        self.0 = rest;
        label
    }

    fn test(&mut self) -> Result<Test, String> {
        if self.takes("==") {
            return Ok(Test::In(vec![self.text()?]));
        }
        if self.takes("!=") {
            return Ok(Test::NotIn(vec![self.text()?]));
        }
        if self.takes("contains") {
            return Ok(Test::Contains(self.text()?));
        }
        if self.words("starts", "with") {
            return Ok(Test::StartsWith(self.text()?));
        }
        if self.words("ends", "with") {
            return Ok(Test::EndsWith(self.text()?));
        }
        if self.words("not", "in") {
            return Ok(Test::NotIn(self.set()?));
        }
        self.wants("in")?;
        Ok(Test::In(self.set()?))
    }

    /// Takes two words, with or without white space between them.
    fn words(&mut self, first: &str, second: &str) -> bool {
        let mut rest = Rest(self.0);
        let both = rest.takes(first) && rest.takes(second);
        if both {
            self.0 = rest.0;
        }
        both
    }

    fn text(&mut self) -> Result<String, String> {
        let quote = self
            .0
            .chars()
            .next()
            .filter(|quote| matches!(quote, '"' | '\''))
            .ok_or_else(|| self.unexpected())?;
        let inner = self.0.strip_prefix(quote).unwrap_or_default();
        let (text, rest) = inner.split_once(quote).ok_or("a text of the selector has no end")?;
        self.0 = rest;
        self.skip();
        Ok(text.to_owned())
    }

    fn set(&mut self) -> Result<Vec<String>, String> {
        self.wants("{")?;
        let mut values = Vec::new();
        while self.0.starts_with(['"', '\'']) {
            values.push(self.text()?);
            if !self.takes(",") {
                break;
            }
        }
        self.wants("}")?;
        Ok(values)
    }
}

fn joined(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match (parts.len(), parts.pop()) {
        (1, Some(part)) => part,
        (_, last) => {
            parts.extend(last);
            join(parts)
        }
    }
}
