//! The record of a run, and the file that keeps it.

pub mod record;
pub mod saved;
mod saved_v1;
mod saved_v2;
