//! A bundle's seccomp profile, for programs of this stage that are no OCI runtime.

use std::io;

use libseccomp::{ScmpAction, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall};
use serde_json::Value;

/// `linux.seccomp` of an OCI configuration, where it has rules: everything is allowed but what they deny. Calls that
/// libseccomp does not know are left alone, as runc does it.
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
