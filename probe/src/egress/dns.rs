//! The DNS query that is sent (RFC 1035, section 4.1). It asks what every server knows or refuses to say: the name servers
//! of the root, without recursion.

const TYPE_NS: u16 = 2;
const CLASS_IN: u16 = 1;

/// A query with the lower half of the target's id.
pub(super) fn query(target: u32) -> Vec<u8> {
    let [_, _, id @ ..] = target.to_be_bytes();
    let (no_flags, one_question, nothing_else) = ([0; 2], [0, 1], [0; 6]);
    let root = [0];
    let header = [&id[..], &no_flags, &one_question, &nothing_else];
    let question = [&root[..], &TYPE_NS.to_be_bytes(), &CLASS_IN.to_be_bytes()];
    [header.concat(), question.concat()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_a_header_of_twelve_bytes_and_one_question() {
        let query = query(0xdead_0102);
        assert_eq!(query[..12], [1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(query[12..], [0, 0, 2, 0, 1]);
    }
}
