//! The controller's own listener and attempts beside a sandbox of this machine. They show that a target answers at all, so
//! that the sandbox's silence counts.

pub(crate) mod attempts;

use std::{io, net::TcpListener};

use proto::{Attempt, Nonce, Protocol, Reach};
use tokio::task::JoinHandle;

use super::{
    RunError,
    launch::Launched,
    listener::{self, Listener},
    nonce,
};
use crate::{
    case::{
        Control,
        destination::{Destination, Purpose},
        rounds::Rounds,
    },
    plan::{
        self,
        local::{self, LocalPlan, Network},
    },
};

/// The controller's listeners, which end when they are dropped.
#[derive(Debug)]
pub(super) struct LocalControl {
    /// The listener on the loopback address; `None` for a run without attempts.
    loopback: Option<TcpListener>,
    network: Network,
    listener: Option<Listening>,
    /// The token of the controller's own datagrams.
    own: Nonce,
}

/// A listener on the machine's own addresses, and its description for the plan.
#[derive(Debug)]
struct Listening {
    listener: Listener,
    planned: local::Listener,
}

/// The controller's own attempts under way; `None` if it tries nothing.
#[derive(Debug)]
pub(super) struct Attempts(Option<JoinHandle<Result<Vec<Attempt>, attempts::Error>>>);

impl LocalControl {
    /// Opens the listeners. Only the network of the user's bundle or container can be connected to the machine's addresses; no
    /// route leads to the network of the controller's own bundle, which is `None`.
    pub(super) async fn listen(network: Option<Network>, rounds: Rounds) -> Result<Self, RunError> {
        let attempts = rounds != Rounds::None;
        let loopback = || TcpListener::bind("127.0.0.1:0").map_err(RunError::Listen);
        let loopback = attempts.then(loopback).transpose()?;
        let may_be_connected = attempts && network.is_some_and(|network| network != Network::Shared);
        let network = network.unwrap_or(Network::Fresh);
        let own = nonce()?;
        let listener = if may_be_connected { Some(Listening::begin(own).await?) } else { None };
        Ok(Self { loopback, network, listener, own })
    }

    pub(super) const fn network(&self) -> Network {
        self.network
    }

    pub(super) fn loopback_port(&self) -> io::Result<Option<u16>> {
        self.loopback.as_ref().map(|listener| Ok(listener.local_addr()?.port())).transpose()
    }

    pub(super) fn planned(&self) -> Option<local::Listener> {
        self.listener.as_ref().map(|listening| listening.planned.clone())
    }

    /// Begins to try those of the sandbox's targets that the controller may try.
    pub(super) fn begin_attempts(&self, plan: &LocalPlan, launched: &Launched) -> Attempts {
        let (targets, budget) = plan.control(self.own);
        let (probe, copy) = (launched.probe(), launched.beside());
        Attempts(
            (!targets.is_empty()).then(|| {
                tokio::spawn(async move { attempts::attempts(&probe, &copy, targets, budget).await })
            }),
        )
    }

    /// Returns the controller's own attempts, and the sandbox's targets whose datagrams arrived one way. A stopped run waits
    /// for nothing.
    pub(super) async fn result(
        &self,
        plan: &LocalPlan,
        attempts: Attempts,
        stopped: bool,
    ) -> (Control, Vec<u32>) {
        let tried = match attempts.0 {
            None => return (Control::NotAsked, Vec::new()),
            Some(tried) => {
                if stopped {
                    tried.abort();
                }
                tried.await
            }
        };
        let Some(Listening { listener, .. }) = &self.listener else { return (seen(tried), Vec::new()) };
        listener.catches_up().await;
        let one_way = |destination: &&Destination| {
            destination.purpose == Purpose::Listener && destination.target.protocol == Protocol::OneWay
        };
        let one_way: Vec<_> = plan.destinations.iter().filter(one_way).map(|it| &it.target).collect();
        let arrived =
            one_way.iter().filter(|target| target.token.is_some_and(|mark| listener.has_heard(mark)));
        let arrived = arrived.map(|target| target.id).collect();
        let control = match seen(tried) {
            Control::Tried(attempts) => Control::Tried(
                attempts
                    .into_iter()
                    .map(|attempt| {
                        let target = one_way.iter().find(|target| target.id == attempt.target);
                        let mark = target.and_then(|target| target.token);
                        let heard = mark.is_some_and(|mark| {
                            listener.has_heard(plan::token_for_address_of(self.own, mark))
                        });
                        if heard { Attempt { reach: Reach::Reached, ..attempt } } else { attempt }
                    })
                    .collect(),
            ),
            other => other,
        };
        (control, arrived)
    }
}

impl Listening {
    async fn begin(own: Nonce) -> Result<Self, RunError> {
        let (token, one_way) = (nonce()?, nonce()?);
        let addresses = listener::addresses();
        let marks = (0..addresses.len())
            .flat_map(|index| [own, one_way].map(|base| plan::token_for_address(base, index)));
        let listener = Listener::listen(token, marks.collect()).await.map_err(RunError::Listen)?;
        let planned = local::Listener { addresses, tcp: listener.tcp, udp: listener.udp, token, one_way };
        Ok(Self { listener, planned })
    }
}

fn seen(tried: Result<Result<Vec<Attempt>, attempts::Error>, tokio::task::JoinError>) -> Control {
    match tried {
        Ok(Ok(attempts)) => Control::Tried(attempts),
        Ok(Err(error)) => Control::Failed(error.to_string()),
        Err(error) => Control::Failed(error.to_string()),
    }
}
