//! The controller against a simulated API server, in one process and on a paused clock: the controller is the product's own code
//! from its client library upward, and a run takes milliseconds. Every fault is repeatable.
#![forbid(unsafe_code)]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod api;
mod checker;
mod cluster;
mod commands;
mod crew;
mod doctor;
mod enumeration;
mod fault;
mod history;
mod joined;
mod large;
mod live;
mod mixed;
mod pairs;
mod probe;
mod publication;
mod pulling;
mod push;
mod random;
mod recorded;
mod registry;
mod replaced;
mod review;
mod services;
mod simulation;
mod startup_taint;
mod store;
mod unwritten;
mod verify;
mod watch;
