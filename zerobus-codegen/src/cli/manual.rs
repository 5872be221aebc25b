//! `completions` and `man`: shell completions and manual pages, generated from the arguments.

use clap::CommandFactory as _;

use super::Outcome;
use super::arguments::{Arguments, Completions, Man};

pub(super) fn completions(arguments: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "zerobus-codegen", &mut script);
    Outcome { out: String::from_utf8_lossy(&script).into_owned(), ..Outcome::default() }
}

pub(super) fn page(arguments: &Man) -> Outcome {
    let mut program = Arguments::command();
    program.build();
    let command = match &arguments.command {
        None => program,
        Some(name) => match program.find_subcommand(name) {
            Some(command) => command.clone(),
            None => return Outcome::usage("man", &format!("there is no command `{}`", crate::Printable(name))),
        },
    };
    let mut page = Vec::new();
    match clap_mangen::Man::new(command).render(&mut page) {
        Ok(()) => Outcome { out: String::from_utf8_lossy(&page).into_owned(), ..Outcome::default() },
        Err(error) => Outcome::failed(&error),
    }
}
