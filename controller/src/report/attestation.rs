//! The attestation of a run: an in-toto statement that binds the verdict to the evidence, and the examination of such a statement.

mod gathered;
mod published;
mod refusal;
pub(crate) mod statement;
pub(crate) mod verification_v1;

pub(crate) use gathered::Gathered;
pub(crate) use published::{ProofRefused, PublishedProof};
pub(crate) use refusal::{Demands, Difference, Refusal, compare, examine};
pub(crate) use statement::{Facts, NotStated, Statement};
