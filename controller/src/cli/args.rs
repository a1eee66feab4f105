//! Arguments that several subcommands share; each flag is declared once.

pub(super) mod attempts;
pub(super) mod cluster;
pub(super) mod evidence;
pub(super) mod jitter;
mod live;
pub(super) mod marks;
pub(super) mod network;
pub(super) mod object_name;
pub(super) mod output;
pub(super) mod policy;
pub(super) mod publish;
pub(super) mod run;
pub(super) mod settings;
pub(super) mod sign;
pub(super) mod target;
mod workloads;
