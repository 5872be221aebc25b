//! `doctor`: checks layer by layer what works and what does not, and changes nothing.
//!
//! A layer that fails names a command that helps. Later layers that depend on it are skipped.
//!
//! | file | what it owns |
//! |---|---|
//! | `finding` | the result of a layer |
//! | `setup` | environment, profile, and the form of the addresses |
//! | `network` | name resolution, connection, proxy, TLS, clock |
//! | `proxy` | whether a proxy opens a tunnel |
//! | `certificate` | who issued the server's certificate |
//! | `access` | tokens, and the checks that need one |
//! | `entitlement` | whether the principal may use the workspace |
//! | `grants` | the grants that the workspace reports |
//! | `table` | the table's kind, properties, columns and drift |

mod access;
mod certificate;
mod entitlement;
mod finding;
mod grants;
mod network;
mod proxy;
mod setup;
mod table;

use crate::arguments::Doctor;
use crate::failure::Failure;
use crate::{Outcome, terminal};
use finding::Findings;

/// Runs all checks and prints the findings.
pub(crate) async fn run(arguments: Doctor) -> Result<Outcome, Failure> {
    let json = arguments.json;
    let table = arguments.table.clone();
    let findings = examine(arguments).await;
    if json {
        terminal::result(format_args!("{}\n", findings.json(table.as_ref())));
    } else {
        terminal::result(&findings);
    }
    Ok(if findings.any_failed() { Outcome::Failed } else { Outcome::Done })
}

async fn examine(arguments: Doctor) -> Findings {
    let mut findings = Findings::default();
    let setup = setup::examine(&arguments.login, &mut findings);
    let reaches = match setup.clone() {
        None => false,
        Some(setup) => {
            let authority = arguments.login.authority().ok().flatten();
            let asked = tokio::task::spawn_blocking(move || {
                let mut findings = Findings::default();
                let reaches = network::examine(&setup, authority.as_deref(), &mut findings);
                (findings, reaches)
            });
            match asked.await {
                Ok((found, reaches)) => {
                    findings.append(found);
                    reaches
                }
                Err(_) => false,
            }
        }
    };
    if let Some(setup) = setup.filter(|_| reaches) {
        access::examine(&setup, &arguments, &mut findings).await;
    }
    findings.skip_the_rest(&arguments);
    findings
}
