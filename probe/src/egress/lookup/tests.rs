use std::{
    net::{TcpListener, UdpSocket},
    thread,
};

use nix::poll::{PollTimeout, poll};
use proto::Reach;

use super::*;
use crate::egress::round::Round;

const PATIENCE: Duration = Duration::from_secs(20);
const NAME: &str = "api.example";

/// Starts a name server on loopback that answers some questions with the addresses of the family that is asked for. The thread
/// returns the number of questions.
fn server(questions: usize, addresses: &'static [&'static str]) -> (SocketAddr, thread::JoinHandle<usize>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let place = socket.local_addr().unwrap();
    let answering = thread::spawn(move || {
        for _ in 0..questions {
            let mut query = [0; 512];
            let (length, from) = socket.recv_from(&mut query).unwrap();
            socket.send_to(&answer(&query[..length], addresses), from).unwrap();
        }
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        questions + std::iter::from_fn(|| socket.recv(&mut [0; 512]).ok()).count()
    });
    (place, answering)
}

fn answer(query: &[u8], addresses: &[&str]) -> Vec<u8> {
    let asks_for_v4 = query[query.len() - 3] == 1;
    let addresses = addresses.iter().map(|it| it.parse::<IpAddr>().unwrap());
    let addresses: Vec<_> = addresses.filter(|it| it.is_ipv4() == asks_for_v4).collect();
    let mut answer = query.to_vec();
    answer[2] |= 0x80;
    answer[7] = u8::try_from(addresses.len()).unwrap();
    for address in addresses {
        let (kind, data) = match address {
            IpAddr::V4(address) => (1, address.octets().to_vec()),
            IpAddr::V6(address) => (28, address.octets().to_vec()),
        };
        let length = u8::try_from(data.len()).unwrap();
        answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, length]);
        answer.extend(data);
    }
    answer
}

fn named(id: u32, address: &str, port: u16) -> Target {
    Target { name: NAME.into(), ..Target::at(id, address.parse().unwrap(), port, Protocol::Tcp) }
}

/// Looks a name up by servers of the test and attempts nothing: the answers hold addresses outside of this machine.
fn found_by(targets: &[Target], servers: &[SocketAddr]) -> Vec<String> {
    let mut lookup = Lookup::begin(1, NAME, targets, servers);
    while !lookup.is_over() {
        let mut descriptors: Vec<_> = lookup.pollables().collect();
        poll(&mut descriptors, PollTimeout::NONE).unwrap();
        let ready: Vec<_> = descriptors.iter().map(|it| it.as_fd().as_raw_fd()).collect();
        lookup.advance(&ready);
    }
    lookup.found().iter().map(ToString::to_string).collect()
}

fn found(targets: &[Target], server: SocketAddr) -> Vec<String> {
    found_by(targets, &[server])
}

#[test]
fn a_server_that_refuses_leaves_the_answer_to_the_next() {
    let refusing = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let refuses = refusing.local_addr().unwrap();
    let (place, answering) = server(2, &["192.0.2.1"]);
    let refusing = thread::spawn(move || {
        for _ in 0..2 {
            let mut query = [0; 512];
            let (length, from) = refusing.recv_from(&mut query).unwrap();
            let mut refusal = answer(&query[..length], &[]);
            refusal[3] |= 5;
            refusing.send_to(&refusal, from).unwrap();
        }
    });
    assert_eq!(found_by(&[named(7, "127.0.0.1", 9)], &[refuses, place]), ["192.0.2.1"]);
    refusing.join().unwrap();
    answering.join().unwrap();
}

#[test]
fn the_address_that_the_name_servers_give_is_attempted() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (place, answering) = server(2, &["127.0.0.1"]);
    // The only listed address that may be local is the one that the answers hold, too.
    let port = listener.local_addr().unwrap().port();
    let targets = [named(7, "127.0.0.2", port), named(8, "127.0.0.1", port)];
    let mut round = Round::begin(&targets, &[place], PATIENCE);
    round.wait().unwrap();
    let ends: Vec<_> = round.conclude().into_iter().map(|it| (it.target, it.reach)).collect();
    assert_eq!(ends, [(7, Reach::Reached), (8, Reach::Reached)]);
    assert_eq!(answering.join().unwrap(), 2, "one question for each family");
}

#[test]
fn a_name_without_an_answer_is_attempted_at_its_listed_address() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let targets = [named(7, "127.0.0.1", listener.local_addr().unwrap().port())];
    for servers in [vec![], vec![silent.local_addr().unwrap()]] {
        let mut round = Round::begin(&targets, &servers, Duration::from_millis(400));
        round.wait().unwrap();
        assert!(round.lookups().all(|(name, found)| name == NAME && found.is_empty()));
        assert_eq!(round.conclude()[0].reach, Reach::Reached, "{servers:?}");
    }
    silent.set_nonblocking(true).unwrap();
    let datagrams = std::iter::from_fn(|| silent.recv(&mut [0; 512]).ok()).count();
    assert_eq!(datagrams, 2 * usize::try_from(DATAGRAMS).unwrap());
}

#[test]
fn an_attempt_on_an_address_does_not_wait_for_a_lookup() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let plain = Target { name: String::new(), ..named(7, "127.0.0.1", port) };
    let mut round =
        Round::begin(&[plain, named(8, "127.0.0.1", port)], &[silent.local_addr().unwrap()], PATIENCE / 40);
    round.wait().unwrap();
    let attempts = round.conclude();
    assert!(attempts[0].took_us < 200_000 && attempts[1].took_us >= 200_000, "{attempts:?}");
}

#[test]
fn no_answer_leads_to_this_host_its_link_a_group_or_a_metadata_service() {
    const FOREIGN: &[&str] = &[
        "127.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "100.100.100.200",
        "168.63.129.16",
        "::1",
        "::",
        "fe80::1",
        "ff02::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
    ];
    for &address in FOREIGN {
        assert!(!is_of_another_host(address.parse::<IpAddr>().unwrap().to_canonical()), "{address}");
    }
    for address in ["10.96.0.1", "192.0.2.7", "100.64.0.1", "2001:db8::7", "64:ff9b::c000:207"] {
        assert!(is_of_another_host(address.parse().unwrap()), "{address}");
    }
    let (place, answering) = server(2, FOREIGN);
    assert_eq!(found(&[named(7, "169.254.169.254", 9)], place), ["169.254.169.254"]);
    answering.join().unwrap();
}

#[test]
fn no_answer_leads_to_the_address_of_another_target() {
    let (place, answering) = server(2, &["192.0.2.1", "192.0.2.2"]);
    let other = Target::at(8, "192.0.2.1".parse().unwrap(), 9, Protocol::OneWay);
    assert_eq!(found(&[named(7, "127.0.0.1", 9), other], place), ["192.0.2.2"]);
    answering.join().unwrap();
}

#[test]
fn a_name_leads_to_few_addresses() {
    const MANY: &[&str] = &[
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.3",
        "192.0.2.4",
        "192.0.2.5",
        "192.0.2.6",
        "192.0.2.7",
        "192.0.2.8",
        "192.0.2.9",
        "192.0.2.10",
    ];
    let (place, answering) = server(2, MANY);
    assert_eq!(found(&[named(7, "127.0.0.1", 9)], place).len(), ADDRESSES);
    answering.join().unwrap();
}

#[test]
fn targets_of_one_name_share_its_addresses() {
    let addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|it| it.parse().unwrap());
    let lookup = Lookup {
        name: NAME.into(),
        listed: Vec::new(),
        others: Vec::new(),
        questions: Vec::new(),
        found: addresses.to_vec(),
    };
    let at = |address: &str, number| lookup.address(&named(7, address, 9), number).to_string();
    assert_eq!(at("192.0.2.2", 0), "192.0.2.2");
    assert_eq!((at("192.0.2.9", 0), at("192.0.2.9", 1)), ("192.0.2.1".into(), "192.0.2.2".into()));
    assert_eq!(at("2001:db8::9", 7), "2001:db8::1");
    let none = Lookup { found: Vec::new(), ..lookup };
    assert_eq!(none.address(&named(7, "192.0.2.9", 9), 3).to_string(), "192.0.2.9");
}
