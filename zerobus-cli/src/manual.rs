//! `completions` and `man`: shell completions and manual pages, generated from the arguments.

use std::io;

use clap::Command;

use crate::arguments::{Completions, Man};
use crate::failure::Failure;

/// The script that completes the arguments in a shell.
pub(crate) fn completions(arguments: &Completions, mut program: Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut program, "zerobus", &mut script);
    script
}

/// The manual page of the program or of one of its commands.
pub(crate) fn page(arguments: &Man, mut program: Command) -> Result<Vec<u8>, Failure> {
    program.build();
    let command = match &arguments.command {
        None => program,
        Some(name) => program
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| Failure::text(format!("there is no command {name:?}; `zerobus help` lists them")))?,
    };
    let mut page = Vec::new();
    let rendered: io::Result<()> = clap_mangen::Man::new(command).render(&mut page);
    rendered.map_err(|error| Failure::new("cannot write the page", error))?;
    Ok(page)
}
