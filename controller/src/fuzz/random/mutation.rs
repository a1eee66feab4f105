//! Random mutations: of bytes, and of the values of a JSON document.

use serde_json::Value;

/// Texts that parsers of this program treat in a way of their own.
const WORDS: &[&str] = &[
    "",
    "*",
    "-1",
    "0",
    "0.0.0.0/0",
    "10.0.0.0/8",
    "1e400",
    "1Ei",
    "1m",
    "::/0",
    "65535",
    "80:http",
    "all()",
    "!has(a) && b in {'c'}",
    "Allow",
    "Deny",
    "Pass",
    "Egress",
    "Ingress",
    "Exists",
    "DoesNotExist",
    "NotIn",
    "kube-apiserver",
    "world",
    "k8s:app",
    "reserved:host",
    "kubernetes.io/metadata.name",
    "podproof.dev/run",
    "shop",
    "\u{1b}[2J",
    "\u{202e}x",
    "\r\n::error::x",
    "##[error]",
    "<script>",
    "18446744073709551616",
];

/// A source of random numbers: xorshift64*.
pub(super) struct Random(u64);

impl Random {
    /// Creates a source whose numbers depend on a name alone.
    pub(super) fn new(name: &str) -> Self {
        Self(name.bytes().fold(0x9e37_79b9_7f4a_7c15, |state, byte| {
            (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3) | 1
        }))
    }

    /// Returns a number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        usize::try_from(number).unwrap() % end.max(1)
    }

    fn one_of<'a, T: ?Sized>(&mut self, all: &'a [&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// A maker of inputs.
pub(super) struct Mutator {
    random: Random,
    seeds: Vec<Vec<u8>>,
    /// The parts of all seeds that are JSON documents.
    parts: Vec<Value>,
}

impl Mutator {
    pub(super) fn new(random: Random, seeds: Vec<Vec<u8>>) -> Self {
        let mut parts = Vec::new();
        for document in seeds.iter().filter_map(|seed| serde_json::from_slice::<Value>(seed).ok()) {
            collect(&document, &mut parts);
        }
        Self { random, seeds, parts }
    }

    /// Returns the next input.
    pub(super) fn next(&mut self) -> Vec<u8> {
        let which = self.random.below(self.seeds.len());
        let mut input = self.seeds[which].clone();
        if let Ok(mut document) = serde_json::from_slice::<Value>(&input)
            && self.random.below(8) > 0
        {
            for _ in 0..=self.random.below(4) {
                self.change(&mut document);
            }
            return document.to_string().into_bytes();
        }
        for _ in 0..=self.random.below(6) {
            self.damage(&mut input);
        }
        input
    }

    /// Changes one value of a document.
    fn change(&mut self, document: &mut Value) {
        let mut places = Vec::new();
        pointers(document, &mut String::new(), &mut places);
        let place = places.swap_remove(self.random.below(places.len()));
        let new = self.value();
        let target = document.pointer_mut(&place).unwrap();
        match (self.random.below(5), target) {
            (0, Value::Object(fields)) => {
                let key = fields.keys().nth(self.random.below(fields.len())).cloned();
                key.and_then(|key| fields.remove(&key));
            }
            (1, Value::Object(fields)) => {
                let key = self.random.one_of(WORDS).to_owned();
                fields.insert(key, new);
            }
            (0, Value::Array(items)) if !items.is_empty() => {
                items.remove(self.random.below(items.len()));
            }
            (1 | 2, Value::Array(items)) => items.push(new),
            (2, Value::String(text)) => {
                let at = (0..=self.random.below(text.len() + 1)).rev().find(|&at| text.is_char_boundary(at));
                text.insert_str(at.unwrap_or(0), self.random.one_of(WORDS));
            }
            (_, target) => *target = new,
        }
    }

    fn value(&mut self) -> Value {
        match self.random.below(8) {
            0 => Value::Null,
            1 => Value::Bool(self.random.below(2) == 0),
            2 => Value::from(self.random.below(70_000)),
            3 => Value::from(-1),
            4 => Value::from(vec![Value::from(self.random.one_of(WORDS))]),
            5 if !self.parts.is_empty() => self.parts[self.random.below(self.parts.len())].clone(),
            _ => Value::from(self.random.one_of(WORDS)),
        }
    }

    /// Damages bytes at one place.
    fn damage(&mut self, input: &mut Vec<u8>) {
        let at = self.random.below(input.len());
        let byte = u8::try_from(self.random.below(256)).unwrap();
        match self.random.below(6) {
            0 => input.truncate(at),
            1 if !input.is_empty() => input[at] = byte,
            2 if !input.is_empty() => input[at] ^= 1 << (byte % 8),
            3 => {
                let word = self.random.one_of(WORDS);
                input.splice(at..at, word.bytes());
            }
            4 => {
                let other = &self.seeds[self.random.below(self.seeds.len())];
                let from = self.random.below(other.len());
                let to = from + self.random.below(other.len() - from);
                let part = other[from..to].to_vec();
                input.splice(at..at, part);
            }
            _ => {
                let to = at + self.random.below((input.len() - at).min(16));
                input.drain(at..to);
            }
        }
    }
}

/// Collects the values of a document that are not large.
fn collect(value: &Value, into: &mut Vec<Value>) {
    if value.to_string().len() < 400 {
        into.push(value.clone());
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, into)),
        _ => (),
    }
}

/// Collects the pointer to each value of a document.
fn pointers(value: &Value, at: &mut String, into: &mut Vec<String>) {
    into.push(at.clone());
    let length = at.len();
    let mut step = |key: &str, value: &Value| {
        at.push('/');
        at.push_str(&key.replace('~', "~0").replace('/', "~1"));
        pointers(value, at, into);
        at.truncate(length);
    };
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| step(&index.to_string(), item));
        }
        Value::Object(fields) => fields.iter().for_each(|(key, field)| step(key, field)),
        _ => (),
    }
}
