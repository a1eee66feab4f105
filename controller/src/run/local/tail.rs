//! The last lines of a program's standard error, whose length is unbounded.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{io::AsyncReadExt, process::ChildStderr};

/// The number of bytes that are kept.
const KEPT: usize = 8192;
/// The number of lines that are shown.
const SHOWN: usize = 12;

/// The end of a stream that a task reads in the background.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    pub(super) fn of(mut errors: ChildStderr) -> Self {
        let tail = Self::default();
        let kept = tail.clone();
        tokio::spawn(async move {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = errors.read(&mut chunk).await {
                kept.push(chunk.get(..read).unwrap_or_default());
            }
        });
        tail
    }

    fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        let excess = kept.len().saturating_sub(KEPT);
        kept.drain(..excess);
    }

    /// Returns the last lines without control characters: the program must not steer the reader's terminal.
    pub(super) fn lines(&self) -> Vec<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&kept);
        let printable = |line: &str| line.chars().filter(|character| !character.is_control()).collect();
        let lines: Vec<String> = text.lines().map(printable).collect();
        let first = lines.len().saturating_sub(SHOWN);
        lines.into_iter().skip(first).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_printable_last_lines_are_kept() {
        let tail = Tail::default();
        for number in 0..10_000 {
            tail.push(format!("line {number}\u{1b}[31m\n").as_bytes());
        }
        let lines = tail.lines();
        assert_eq!((lines.len(), lines.last().unwrap().as_str()), (SHOWN, "line 9999[31m"));
    }
}
