//! What the controller does beside a sandbox of this machine, so that the sandbox's silence says something: it listens, and
//! tries what the sandbox tries.

pub(crate) mod attempts;
use std::{io, net::TcpListener};

use proto::{Attempt, Nonce, Protocol, Reach};
use tokio::task::JoinHandle;

use super::{Error, Request, nonce};
use super::{
    bundle,
    launch::Launched,
    listener::{self, Listener},
};
use crate::{
    case::{
        Control,
        destination::{Destination, Purpose},
    },
    plan::{
        self,
        local::{self as local_plan, LocalPlan as Plan, Network},
    },
};

/// Listeners, which end when this is dropped.
#[derive(Debug)]
pub(super) struct LocalControl {
    loopback: TcpListener,
    network: Network,
    listener: Option<Listening>,
    /// By what the controller's own datagrams are known.
    own: Nonce,
}

#[derive(Debug)]
struct Listening {
    listener: Listener,
    planned: local_plan::Listener,
}

/// Attempts of the controller's own under way.
#[derive(Debug)]
pub(super) struct Trying(Option<JoinHandle<Result<Vec<Attempt>, attempts::Error>>>);

impl LocalControl {
    /// A bundle of our own has a network that nothing leads to; only the user's may have one that something does.
    pub(super) async fn listen(request: &Request) -> Result<Self, Error> {
        let loopback = TcpListener::bind("127.0.0.1:0").map_err(Error::Listen)?;
        let network = request.bundle.as_deref().map_or(Network::Fresh, bundle::network);
        let may_be_connected = request.bundle.is_some() && network != Network::Shared;
        let own = nonce()?;
        let listener = if may_be_connected { Some(Listening::begin(own).await?) } else { None };
        Ok(Self { loopback, network, listener, own })
    }

    pub(super) const fn network(&self) -> Network {
        self.network
    }

    pub(super) fn loopback_port(&self) -> io::Result<u16> {
        Ok(self.loopback.local_addr()?.port())
    }

    pub(super) fn planned(&self) -> Option<local_plan::Listener> {
        self.listener.as_ref().map(|listening| listening.planned.clone())
    }

    /// Begins to try what the sandbox tries, as far as the controller may.
    pub(super) fn tries(&self, plan: &Plan, launched: &Launched) -> Trying {
        let (targets, budget) = plan.control(self.own);
        let (probe, copy) = (launched.probe(), launched.beside());
        Trying(
            (!targets.is_empty()).then(|| {
                tokio::spawn(async move { attempts::attempts(&probe, &copy, targets, budget).await })
            }),
        )
    }

    /// What the control saw, and which targets of the sandbox's were heard of one way. A run that was stopped waits for
    /// nothing.
    pub(super) async fn heard(&self, plan: &Plan, trying: Trying, stopped: bool) -> (Control, Vec<u32>) {
        let tried = match trying.0 {
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
    async fn begin(own: Nonce) -> Result<Self, Error> {
        let (token, one_way) = (nonce()?, nonce()?);
        let addresses = listener::addresses();
        let marks = (0..addresses.len())
            .flat_map(|index| [own, one_way].map(|base| plan::token_for_address(base, index)));
        let listener = Listener::listen(token, marks.collect()).await.map_err(Error::Listen)?;
        let planned =
            local_plan::Listener { addresses, tcp: listener.tcp, udp: listener.udp, token, one_way };
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
