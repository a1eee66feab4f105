//! DNS (RFC 1035, section 4.1): the query, and the part of its answer that tells if a name was resolved.

use proto::Reach;

const TYPE_A: u16 = 1;
const TYPE_NS: u16 = 2;
const CLASS_IN: u16 = 1;
/// Bits in the first of the two bytes of the header's flags.
const RECURSION_DESIRED: u8 = 0x01;
const IS_RESPONSE: u8 = 0x80;
/// The longest label, in bytes.
const LONGEST: usize = 63;

/// Returns a query whose id is the lower half of the target's id. The query asks for the address of a name. Without a name
/// it asks for the root's name servers, which every server knows or refuses to tell.
pub(super) fn query(target: u32, name: &str) -> Vec<u8> {
    let (flags, kind) = if name.is_empty() { (0, TYPE_NS) } else { (RECURSION_DESIRED, TYPE_A) };
    let labels = name.split('.').filter(|label| !label.is_empty());
    let labels = labels.flat_map(|label| {
        let label = label.as_bytes().iter().take(LONGEST);
        let length = u8::try_from(label.len()).unwrap_or_default();
        std::iter::once(length).chain(label.copied())
    });
    let (one_question, nothing_else) = ([0, 1], [0; 6]);
    let header = [&id(target)[..], &[flags, 0], &one_question, &nothing_else].concat();
    let question = [&[0][..], &kind.to_be_bytes(), &CLASS_IN.to_be_bytes()].concat();
    header.into_iter().chain(labels).chain(question).collect()
}

/// Returns the result that an answer implies. If the query asked for no name, any datagram counts as reached.
pub(super) fn answer(target: u32, name: &str, datagram: &[u8]) -> Reach {
    if name.is_empty() {
        return Reach::Reached;
    }
    let &[id_high, id_low, flags, code, _, _, answers_high, answers_low, ..] = datagram else {
        return Reach::Another;
    };
    if [id_high, id_low] != id(target) || flags & IS_RESPONSE == 0 {
        return Reach::Another;
    }
    match (code & 0x0f, u16::from_be_bytes([answers_high, answers_low])) {
        (0, 1..) => Reach::Reached,
        // The code is "no error" without an answer, or NXDOMAIN.
        (0 | 3, _) => Reach::NoName,
        (5, _) => Reach::NameRefused,
        // A server whose own servers are away fails, too, and passes the name on when they are back.
        _ => Reach::ServerFailure,
    }
}

fn id(target: u32) -> [u8; 2] {
    let [_, _, id @ ..] = target.to_be_bytes();
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_a_header_of_twelve_bytes_and_one_question() {
        let query = query(0xdead_0102, "");
        assert_eq!(query[..12], [1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(query[12..], [0, 0, 2, 0, 1]);
    }

    #[test]
    fn a_query_for_a_name_holds_its_labels_and_desires_recursion() {
        let query = query(7, "ab.example.");
        assert_eq!(query[..4], [0, 7, 1, 0]);
        assert_eq!(query[12..], *b"\x02ab\x07example\x00\x00\x01\x00\x01");
    }

    #[test]
    fn an_answer_is_judged_by_its_code_and_its_number_of_answers() {
        let datagram = |code: u8, answers: u8| [0, 7, 0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0];
        for (code, answers, reach) in [
            (0, 1, Reach::Reached),
            (0, 0, Reach::NoName),
            (3, 0, Reach::NoName),
            (2, 0, Reach::ServerFailure),
            (4, 0, Reach::ServerFailure),
            (5, 0, Reach::NameRefused),
        ] {
            assert_eq!(answer(7, "example.com", &datagram(code, answers)), reach, "{code} {answers}");
        }
        assert_eq!(answer(8, "example.com", &datagram(0, 1)), Reach::Another);
        assert_eq!(answer(7, "example.com", &query(7, "example.com")), Reach::Another);
        assert_eq!(answer(7, "example.com", b"?"), Reach::Another);
        assert_eq!(answer(7, "", b"?"), Reach::Reached);
    }
}
