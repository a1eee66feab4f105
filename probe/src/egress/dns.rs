//! DNS (RFC 1035, section 4.1): the query, and the parts of its answer that tell if a name was resolved, and to which addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proto::Reach;

const TYPE_A: u16 = 1;
const TYPE_NS: u16 = 2;
/// RFC 3596, section 2.1.
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
/// Bits in the first of the two bytes of the header's flags.
const RECURSION_DESIRED: u8 = 0x01;
const IS_RESPONSE: u8 = 0x80;
/// The codes of an answer that says what the server knows.
const NO_ERROR: u8 = 0;
const NO_SUCH_NAME: u8 = 3;
/// The longest label, in bytes.
const LONGEST: usize = 63;
/// The length of the header, in bytes.
const HEADER: usize = 12;

/// Returns a query whose id is the lower half of the target's id. The query asks for the address of a name. Without a name
/// it asks for the root's name servers, which every server knows or refuses to tell.
pub(super) fn query(target: u32, name: &str) -> Vec<u8> {
    let (flags, kind) = if name.is_empty() { (0, TYPE_NS) } else { (RECURSION_DESIRED, TYPE_A) };
    message(id(target), flags, name, kind)
}

/// Returns a query for the addresses of a name in one family.
pub(super) fn address_query(number: u16, name: &str, is_v4: bool) -> Vec<u8> {
    message(number.to_be_bytes(), RECURSION_DESIRED, name, if is_v4 { TYPE_A } else { TYPE_AAAA })
}

/// An answer to the question for a name's addresses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Addresses {
    /// The name has these addresses; none if it does not exist.
    Known(Vec<IpAddr>),
    /// The server failed or refused, and another one may know.
    Failed,
}

/// Returns the addresses of an answer to a query, of both families and in their order; `None` for a datagram that does not
/// answer the query. The records behind a malformed one are left out.
pub(super) fn addresses(query: &[u8], datagram: &[u8]) -> Option<Addresses> {
    let (asked, question) = query.split_at_checked(HEADER)?;
    let (header, records) = datagram.split_at_checked(HEADER)?;
    let &[_, _, flags, code, _, _, answers_high, answers_low, ..] = header else { return None };
    if header.get(..2) != asked.get(..2) || flags & IS_RESPONSE == 0 {
        return None;
    }
    let mut rest = records.strip_prefix(question)?;
    if !matches!(code & 0x0f, NO_ERROR | NO_SUCH_NAME) {
        return Some(Addresses::Failed);
    }
    let mut addresses = Vec::new();
    for _ in 0..u16::from_be_bytes([answers_high, answers_low]) {
        let Some((address, behind)) = record(rest) else { break };
        addresses.extend(address);
        rest = behind;
    }
    Some(Addresses::Known(addresses))
}

/// Returns the address of the first record, if it has one, and everything behind the record.
fn record(bytes: &[u8]) -> Option<(Option<IpAddr>, &[u8])> {
    let (fixed, rest) = behind_name(bytes)?.split_first_chunk::<10>()?;
    let &[kind_high, kind_low, class_high, class_low, _, _, _, _, length_high, length_low] = fixed;
    let (data, rest) = rest.split_at_checked(u16::from_be_bytes([length_high, length_low]).into())?;
    let is_of_internet = u16::from_be_bytes([class_high, class_low]) == CLASS_IN;
    let address = match u16::from_be_bytes([kind_high, kind_low]) {
        TYPE_A if is_of_internet => <[u8; 4]>::try_from(data).ok().map(|it| Ipv4Addr::from(it).into()),
        TYPE_AAAA if is_of_internet => <[u8; 16]>::try_from(data).ok().map(|it| Ipv6Addr::from(it).into()),
        _ => None,
    };
    Some((address, rest))
}

/// Returns everything behind a name. A pointer ends the name (RFC 1035, section 4.1.4), and is not followed.
fn behind_name(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (&length, rest) = bytes.split_first()?;
        match length {
            0 => return Some(rest),
            1..=63 => bytes = rest.get(usize::from(length)..)?,
            0xc0.. => return rest.get(1..),
            64..0xc0 => return None,
        }
    }
}

fn message(id: [u8; 2], flags: u8, name: &str, kind: u16) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let labels = labels.flat_map(|label| {
        let label = label.as_bytes().iter().take(LONGEST);
        let length = u8::try_from(label.len()).unwrap_or_default();
        std::iter::once(length).chain(label.copied())
    });
    let (one_question, nothing_else) = ([0, 1], [0; 6]);
    let header = [&id[..], &[flags, 0], &one_question, &nothing_else].concat();
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

    /// Returns an answer to a query, with these records.
    fn answer_of(query: &[u8], records: &[&[u8]]) -> Vec<u8> {
        let mut answer = query.to_vec();
        answer[2] |= IS_RESPONSE;
        answer[7] = u8::try_from(records.len()).unwrap();
        [answer, records.concat()].concat()
    }

    fn known(query: &[u8], records: &[&[u8]]) -> Vec<IpAddr> {
        let Some(Addresses::Known(found)) = addresses(query, &answer_of(query, records)) else {
            panic!("no addresses")
        };
        found
    }

    const V4: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x07";
    const V6: &[u8] = b"\x01a\0\0\x1c\0\x01\0\0\0\x3c\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07";
    const ALIAS: &[u8] = b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x03\x01a\0";

    #[test]
    fn the_addresses_of_an_answer_are_those_behind_its_aliases() {
        let query = address_query(7, "a.example", true);
        let found = known(&query, &[ALIAS, V4, V6]);
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["192.0.2.7", "2001:db8::7"]);
        assert!(known(&query, &[]).is_empty());
    }

    #[test]
    fn a_server_that_fails_or_refuses_knows_nothing() {
        let query = address_query(7, "a.example", true);
        for (code, expected) in
            [(3, Addresses::Known(Vec::new())), (2, Addresses::Failed), (5, Addresses::Failed)]
        {
            let mut answer = answer_of(&query, &[]);
            answer[3] |= code;
            assert_eq!(addresses(&query, &answer), Some(expected), "{code}");
        }
    }

    #[test]
    fn a_malformed_record_ends_the_addresses() {
        let query = address_query(7, "a.example", true);
        for wrong in [&V4[..5], b"\x7fa", b"", b"\xc0", b"\0\0\x01\0\x01\0\0\0\x3c\xff\xff\xc0"] {
            assert_eq!(known(&query, &[V4, wrong]), [IpAddr::from([192, 0, 2, 7])], "{wrong:?}");
        }
    }

    #[test]
    fn a_datagram_that_answers_another_question_is_none() {
        let query = address_query(7, "a.example", true);
        for other in [address_query(8, "a.example", true), address_query(7, "b.example", true)] {
            assert_eq!(addresses(&query, &answer_of(&other, &[V4])), None);
        }
        assert_eq!(addresses(&query, &query), None);
        assert_eq!(addresses(&query, &answer_of(&query, &[V4])[..11]), None);
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
