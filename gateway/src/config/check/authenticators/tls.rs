//! `tls` of an issuer: the authorities that vouch for it.

use crate::{
    config::{
        check::Check,
        inputs::{way_out, why},
    },
    policy::authentication::config::IssuerTlsConfig,
    value::Authorities,
};

/// `None` within the result: the system's. `None` outside: they cannot be had.
pub fn check(
    check: &mut Check<'_>,
    config: Option<&IssuerTlsConfig>,
    is_https: bool,
) -> Option<Option<Authorities>> {
    let Some(IssuerTlsConfig { ca }) = config else { return Some(None) };
    if !is_https {
        let text = "without TLS no certificate is checked; write the address with `https://`, or remove this";
        check.error(ca.place().clone(), text);
        return None;
    }
    let content = check.files.read(ca).map_err(|error| format!("{}{}", why(&error), way_out(&error)));
    let authorities =
        content.and_then(|content| Authorities::read(content).map_err(|invalid| invalid.to_string()));
    match authorities {
        Ok(authorities) => Some(Some(authorities)),
        Err(text) => {
            let shown = check.files.resolve(ca).display().to_string();
            check.error(ca.place().clone(), format!("cannot use `{shown}`: {text}"));
            None
        }
    }
}
