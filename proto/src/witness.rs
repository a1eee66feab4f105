//! What a listener of the run's own says and hears, so that nobody's answer is taken for its.

use crate::Nonce;

/// What an answer begins with. It is never answered itself: a forged sender would have two witnesses talk to each other for
/// ever.
pub const ANSWER: u8 = 0xff;
/// What a datagram begins with that wants no answer.
pub const ONE_WAY: u8 = 0xfe;
/// What a datagram begins with that asks whether another has arrived one way.
pub const ASKED: u8 = 0xfd;

/// What goes back by UDP: the token behind a mark.
pub fn answer(Nonce(token): Nonce) -> [u8; 17] {
    marked(ANSWER, token)
}

/// What is sent one way: the token behind another mark.
pub fn one_way(Nonce(token): Nonce) -> [u8; 17] {
    marked(ONE_WAY, token)
}

/// The token of what was sent one way; `None` for any other datagram.
pub fn arrived(datagram: &[u8]) -> Option<Nonce> {
    token_behind(ONE_WAY, datagram)
}

/// The question whether a token has arrived one way.
pub fn question(Nonce(token): Nonce) -> [u8; 17] {
    marked(ASKED, token)
}

/// The token that is asked for; `None` for any other datagram.
pub fn asked(datagram: &[u8]) -> Option<Nonce> {
    token_behind(ASKED, datagram)
}

fn token_behind(mark: u8, datagram: &[u8]) -> Option<Nonce> {
    let (&first, token) = datagram.split_first()?;
    (first == mark).then(|| token.first_chunk().copied().map(Nonce))?
}

fn marked(mark: u8, token: [u8; 16]) -> [u8; 17] {
    let mut datagram = [mark; 17];
    for (place, byte) in datagram.iter_mut().skip(1).zip(token) {
        *place = byte;
    }
    datagram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_one_way_is_known_by_its_token_and_an_answer_is_not_taken_for_it() {
        let token = Nonce([7; 16]);
        assert_eq!(arrived(&one_way(token)), Some(token));
        assert_eq!(arrived(&answer(token)), None);
        assert_eq!(arrived(&one_way(token)[..16]), None);
        assert_eq!(arrived(&[]), None);
        assert_eq!((asked(&question(token)), asked(&one_way(token))), (Some(token), None));
    }
}
