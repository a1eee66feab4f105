//! A bundle's seccomp profile, for the programs of this stage that are no OCI runtime.

use std::io;

use libseccomp::{ScmpAction, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall};
use serde_json::Value;

/// Loads `linux.seccomp` of an OCI configuration, if it has rules. A call passes unless a rule denies it. Calls that
/// libseccomp does not know keep their default, as in runc.
pub fn of(profile: &Value) -> io::Result<Option<ScmpFilterContext>> {
    let Some(rules) = profile["syscalls"].as_array() else { return Ok(None) };
    let mut filter = ScmpFilterContext::new(ScmpAction::Allow).map_err(io::Error::other)?;
    for rule in rules {
        let errno = rule["errnoRet"].as_i64().and_then(|errno| i32::try_from(errno).ok());
        let action = ScmpAction::Errno(errno.unwrap_or(nix::libc::EPERM));
        let arguments: Vec<_> = rule["args"].as_array().into_iter().flatten().filter_map(equal).collect();
        let names = rule["names"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for call in names.filter_map(|name| ScmpSyscall::from_name(name).ok()) {
            filter.add_rule_conditional(action, call, &arguments).map_err(io::Error::other)?;
        }
    }
    Ok(Some(filter))
}

fn equal(argument: &Value) -> Option<ScmpArgCompare> {
    let index = argument["index"].as_u64().and_then(|index| u32::try_from(index).ok());
    let value = argument["value"].as_u64();
    Some(ScmpArgCompare::new(index?, ScmpCompareOp::Equal, value?))
}
