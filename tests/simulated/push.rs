//! `controller image --push`, with every fault at every request.

use std::{
    cell::{Cell, RefCell},
    ffi::OsString,
    io,
    net::{SocketAddr, TcpListener},
    pin::Pin,
    rc::Rc,
    time::Duration,
};

use controller::support::world::{Server, Stream, World};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver},
    time::Instant,
};

use crate::{
    crew::check_all,
    fault::Fault,
    registry::Registry,
    simulation::{Ended, NOW},
};

/// The longest push with one fault: the client's limit for a silent registry, once.
const LONGEST: Duration = Duration::from_secs(62);
const FAULTS: &[Fault] = &[
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::Status(401),
    Fault::Status(404),
    Fault::Status(409),
    Fault::Status(429),
    Fault::Status(500),
    Fault::Status(503),
    Fault::Hang,
    Fault::HangAfter,
    Fault::Interrupt,
    Fault::Kill,
];

/// The world of one push.
struct Push {
    registry: Registry,
    listener: RefCell<Option<TcpListener>>,
    output: RefCell<String>,
    errors: RefCell<String>,
    took: Cell<Option<Duration>>,
    /// The failure of every write to the standard output; `None` if writes succeed.
    output_fails: Option<io::ErrorKind>,
    /// The bytes of the program in the image.
    size: usize,
}

/// The size of the smallest program: its header.
const HEADER: usize = 64;

/// Pushes an image to a registry.
fn push(registry: &Registry) -> Ended {
    push_and_tell(registry, None, HEADER)
}

/// Pushes an image to a registry, with an output whose writes may fail. The number of the port, which the kernel chooses, is none of
/// the bytes that are told.
fn push_and_tell(registry: &Registry, output_fails: Option<io::ErrorKind>, size: usize) -> Ended {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    listener.set_nonblocking(true).unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let world = Rc::new(Push {
        registry: registry.clone(),
        listener: RefCell::new(Some(listener)),
        output: RefCell::default(),
        errors: RefCell::default(),
        took: Cell::default(),
        output_fails,
        size,
    });
    let name = format!("{host}/podproof/probe:7");
    let words = ["controller", "image", "--plain-http", "--push", &name].map(OsString::from);
    let exit = controller::simulate(Rc::clone(&world) as Rc<dyn World>, words);
    let took = world.took.get();
    let told = |stream: &RefCell<String>| stream.take().replace(&host, "HOST");
    Ended {
        code: took.map(|_| exit as u8),
        output: told(&world.output),
        errors: told(&world.errors),
        took: took.unwrap_or_default(),
    }
}

impl World for Push {
    fn block_on(&self, command: Pin<Box<dyn Future<Output = ()> + '_>>) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let took = runtime.block_on(async {
            // Bytes on loopback take real time, and a paused clock would go on meanwhile. It stands still beside a blocking task.
            let (_held, end) = std::sync::mpsc::channel::<()>();
            tokio::task::spawn_blocking(move || _ = end.recv());
            let listener = self.listener.take().unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            tokio::spawn(self.registry.clone().listen(listener));
            let begun = Instant::now();
            tokio::select! {
                biased;
                () = self.registry.killed() => None,
                () = command => Some(begun.elapsed()),
            }
        });
        self.took.set(took);
    }

    fn server(&self) -> Server {
        Server::new(tower::service_fn(async |_| Err("there is no API server".into())))
    }

    fn signals(&self) -> UnboundedReceiver<()> {
        let (sender, signals) = mpsc::unbounded_channel();
        self.registry.signal(sender);
        signals
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn now(&self) -> u64 {
        NOW
    }

    /// Returns the header of a static ELF program for x86-64 (elf(5)).
    fn program(&self) -> Vec<u8> {
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(self.size, 0);
        header[16] = 2;
        header[18] = 62;
        header[20] = 1;
        header[52] = 64;
        header
    }

    fn write(&self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if let Some(error) = self.output_fails.filter(|_| stream == Stream::Output) {
            return Err(error.into());
        }
        let text = String::from_utf8_lossy(bytes);
        match stream {
            Stream::Output => self.output.borrow_mut().push_str(&text),
            Stream::Error => self.errors.borrow_mut().push_str(&text),
        }
        Ok(())
    }
}

/// Returns a sentence for each broken promise of a push.
fn broken(registry: &Registry, ended: &Ended, fault: Fault) -> Vec<String> {
    let Ended { code, output, errors, took } = ended;
    let mut found = Vec::new();
    let lacking = registry.lacking();
    if !lacking.is_empty() {
        found.push(format!("a manifest is there without {lacking:?}"));
    }
    let tagged = registry.tags().get("7").map(|digest| format!("HOST/podproof/probe:7@{digest}\n"));
    let is_told = !output.is_empty();
    if is_told && tagged.as_ref() != Some(output) {
        found.push(format!("{output:?} is told, and {tagged:?} is there"));
    }
    if is_told != (*code == Some(0)) {
        found.push(format!("exit code {code:?} with {output:?}"));
    }
    let expected: &[Option<u8>] = match fault {
        Fault::Interrupt => &[Some(130)],
        Fault::Kill => &[None],
        _ => &[Some(0), Some(4)],
    };
    if !expected.contains(code) {
        found.push(format!("exit code {code:?}"));
    }
    if code.is_some_and(|code| code != 0) && !errors.starts_with("error: ") {
        found.push(format!("exit code {code:?} without an error: {errors}"));
    }
    if *took > LONGEST {
        found.push(format!("it took {took:?}"));
    }
    found
}

#[test]
fn a_push_leaves_the_whole_image_under_its_tag() {
    for asks_for_a_token in [false, true] {
        let registry = Registry::new(asks_for_a_token, &[]);
        let ended = push(&registry);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let digest = &registry.tags()["7"];
        assert_eq!(ended.output, format!("HOST/podproof/probe:7@{digest}\n"));
        assert_eq!(registry.lacking(), [""; 0]);
    }
}

#[test]
fn a_part_that_is_there_is_not_pushed_again() {
    let registry = Registry::new(false, &[]);
    push(&registry);
    let first = registry.requests().len();
    assert_eq!(push(&registry).code, Some(0));
    let again = registry.requests().split_off(first);
    assert!(again.iter().all(|request| !request.contains("/uploads")), "{again:#?}");
}

/// Such a registry answers after the whole part, which a slow link carries for longer than a registry may be silent.
#[test]
fn a_large_part_in_one_request_has_time_by_its_size() {
    let registry = Registry::without_chunks();
    let ended = push_and_tell(&registry, None, 1 << 20);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.took > LONGEST, "{:?}", ended.took);
    assert_eq!(registry.lacking(), [""; 0]);
}

#[test]
fn the_same_push_gives_the_same_bytes() {
    for faults in [&[][..], &[(0, Fault::Hang)], &[(3, Fault::CutAfter)]] {
        let [first, second] = [1, 2].map(|_| push(&Registry::new(false, faults)));
        assert_eq!(first, second);
    }
}

#[test]
fn a_push_whose_reference_cannot_be_written_is_never_a_success() {
    for failure in [io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull] {
        let ended = push_and_tell(&Registry::new(false, &[]), Some(failure), HEADER);
        assert_eq!(ended.code, Some(4), "{failure}: {ended:?}");
        assert!(ended.errors.starts_with("error: "), "{failure}: {ended:?}");
    }
}

#[test]
fn no_fault_breaks_a_promise_of_a_push() {
    for asks_for_a_token in [false, true] {
        let usual = Registry::new(asks_for_a_token, &[]);
        push(&usual);
        let asked = usual.requests();
        let meetings: Vec<_> =
            (0..asked.len()).flat_map(|number| FAULTS.iter().map(move |&fault| (number, fault))).collect();
        let told = check_all(&meetings, |&(number, fault)| {
            let registry = Registry::new(asks_for_a_token, &[(number, fault)]);
            let ended = push(&registry);
            let found = broken(&registry, &ended, fault);
            found.iter().map(|it| format!("{fault:?} at {number}, {}: {it}", asked[number])).collect()
        });
        assert!(told.is_empty(), "{} broken promises\n{}", told.len(), told.join("\n"));
    }
}
