//! Tests of the listener on loopback.

use std::{io::Read, net::TcpStream, num::NonZeroU16, time::Duration};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::*;

/// A time far longer than any operation on loopback takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn bound_to(port: u16, token: Option<Nonce>) -> Result<Listener, Error> {
    let mut listener = Listener::new(token);
    listener.connections.push(accepting(port)?);
    listener.datagrams.push(receiving(port)?);
    Ok(listener)
}

fn listener() -> (Listener, u16, u16) {
    let listener = bound_to(0, None).unwrap();
    let tcp = listener.connections[0].local_addr().unwrap().port();
    let udp = listener.datagrams[0].local_addr().unwrap().port();
    (listener, tcp, udp)
}

fn asking() -> UdpSocket {
    let asking = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    asking.set_read_timeout(Some(PATIENCE)).unwrap();
    asking
}

/// Waits for a connection or a datagram and answers it.
fn answer(listener: &mut Listener) {
    let descriptors = listener.descriptors().into_iter();
    let mut descriptors: Vec<_> =
        descriptors.map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN)).collect();
    assert_eq!(poll(&mut descriptors, PollTimeout::try_from(PATIENCE).unwrap()), Ok(1));
    listener.answer();
}

/// Returns what the listener sends to a connection at this port.
fn shown(listener: &mut Listener, port: u16) -> Vec<u8> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    answer(listener);
    let mut shown = Vec::new();
    connection.read_to_end(&mut shown).unwrap();
    shown
}

#[test]
fn without_a_token_a_connection_is_accepted_and_closed_in_silence() {
    let (mut listener, tcp, _) = listener();
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, tcp)).unwrap();
    answer(&mut listener);
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(connection.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_datagram_comes_back_cut_to_the_longest_length() {
    let (mut listener, _, udp) = listener();
    let asking = asking();
    for (length, back) in [(0, 0), (8, 8), (LONGEST, LONGEST), (LONGEST + 1, LONGEST)] {
        let sent: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
        asking.send_to(&sent, (Ipv4Addr::LOCALHOST, udp)).unwrap();
        answer(&mut listener);
        let mut received = [0; 2 * LONGEST];
        assert_eq!(asking.recv(&mut received).unwrap(), 1 + back);
        assert_eq!((received[0], &received[1..=back]), (listener::ANSWER, &sent[..back]));
    }
}

#[test]
fn the_listeners_token_is_in_each_answer() {
    let token = Nonce([7; 16]);
    let mut listener = bound_to(0, Some(token)).unwrap();
    let tcp = listener.connections[0].local_addr().unwrap().port();
    let udp = listener.datagrams[0].local_addr().unwrap().port();
    assert_eq!(shown(&mut listener, tcp), token.0);
    let asking = asking();
    asking.send_to(b"?", (Ipv4Addr::LOCALHOST, udp)).unwrap();
    answer(&mut listener);
    let mut received = [0; 64];
    let length = asking.recv(&mut received).unwrap();
    assert_eq!(received[..length], [&listener::answer(token)[..], b"?"].concat());
}

#[test]
fn a_datagram_sent_one_way_is_not_answered() {
    let (mut listener, _, udp) = listener();
    let asking = asking();
    asking.send_to(&listener::one_way(Nonce([7; 16])), (Ipv4Addr::LOCALHOST, udp)).unwrap();
    answer(&mut listener);
    asking.set_nonblocking(true).unwrap();
    assert_eq!(asking.recv(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_question_is_answered_until_too_many_tokens_have_arrived() {
    let (own, mark) = (Nonce([7; 16]), Nonce([8; 16]));
    let mut listener = bound_to(0, Some(own)).unwrap();
    let mut told = |datagram: [u8; 17]| listener.answers.to(&datagram);
    assert_eq!(told(listener::question(mark)), Some(listener::answer(own).to_vec()));
    assert_eq!(told(listener::one_way(mark)), None);
    assert_eq!(told(listener::question(mark)), Some(listener::answer(mark).to_vec()));
    for number in 0..MOST_MARKS {
        told(listener::one_way(Nonce((number as u128).to_be_bytes())));
    }
    assert_eq!(told(listener::question(mark)), None);
}

#[test]
fn an_answer_is_not_answered_so_that_two_listeners_never_answer_each_other() {
    let (mut listener, _, udp) = listener();
    let asking = asking();
    asking.send_to(&[listener::ANSWER, 1], (Ipv4Addr::LOCALHOST, udp)).unwrap();
    answer(&mut listener);
    asking.send_to(&[2], (Ipv4Addr::LOCALHOST, udp)).unwrap();
    answer(&mut listener);
    let mut received = [0; 8];
    assert_eq!(asking.recv(&mut received).unwrap(), 2);
    assert_eq!(received[..2], [listener::ANSWER, 2]);
}

#[test]
fn without_a_sender_the_listener_does_not_block() {
    let (mut listener, _, _) = listener();
    listener.answer();
}

#[test]
fn a_port_that_is_taken_by_tcp_or_udp_is_an_error() {
    let (listener, tcp, udp) = listener();
    assert!(matches!(bound_to(tcp, None), Err(Error::Tcp(Errno::EADDRINUSE))));
    drop(listener.connections);
    let taken = bound(SockType::Datagram, udp).unwrap_err();
    assert_eq!(taken, Errno::EADDRINUSE);
}

#[test]
fn a_further_port_is_answered_beside_the_own_one() {
    let token = Nonce([7; 16]);
    let mut listener = bound_to(0, Some(token)).unwrap();
    let free = |kind| {
        let free = bound(kind, 0).unwrap();
        UdpSocket::from(free).local_addr().unwrap().port()
    };
    let (tcp, udp) = (free(SockType::Stream), free(SockType::Datagram));
    listener.add(Port::Tcp(NonZeroU16::new(tcp).unwrap())).unwrap();
    listener.add(Port::Udp(NonZeroU16::new(udp).unwrap())).unwrap();
    assert_eq!(shown(&mut listener, tcp), token.0);
    let asking = asking();
    asking.send_to(b"?", (Ipv4Addr::LOCALHOST, udp)).unwrap();
    answer(&mut listener);
    assert_eq!(asking.recv(&mut [0; 64]).unwrap(), 18);
}

#[test]
fn a_further_port_that_is_taken_leaves_the_listener_as_it_is() {
    let (taken, tcp, _) = listener();
    let (mut other, ..) = listener();
    let refused = other.add(Port::Tcp(NonZeroU16::new(tcp).unwrap())).unwrap_err();
    assert_eq!(chain(&refused), "failed to listen on the TCP port: EADDRINUSE: Address already in use");
    assert_eq!(other.descriptors().len(), 2);
    drop(taken);
}
