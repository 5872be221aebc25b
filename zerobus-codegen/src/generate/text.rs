//! Formats tokens as text, indented by their modules.
//!
//! The text of a module's content does not depend on its neighbours. So each table is formatted alone, inside its
//! modules, and then the lines of the modules are removed.

use proc_macro2::TokenStream;
use quote::quote;

use super::writer::holds_struct;
use crate::{Error, Struct, Table};

/// A module without its braces, with its documentation: `pub mod main`.
pub(super) type Module = TokenStream;

/// The modules around some items, outermost first.
pub(super) struct Shell {
    modules: Vec<Module>,
    opening: String,
    closing: String,
}

/// A placeholder item, formatted as one line.
const PLACE: &str = "mod zerobus_place;";

impl Shell {
    /// No module.
    pub(super) const fn outermost() -> Self {
        Self { modules: Vec::new(), opening: String::new(), closing: String::new() }
    }

    /// One more module inside.
    pub(super) fn inside(&self, module: Module) -> Self {
        let modules: Vec<Module> = self.modules.iter().cloned().chain([module]).collect();
        let text = whole(&modules, &quote! { mod zerobus_place; });
        let (opening, closing) = text.split_once(PLACE).unwrap_or((&text, ""));
        // The indentation before the placeholder is part of its line, so it is removed too.
        let (opening, closing) = (opening.trim_end_matches(' '), closing.trim_start_matches('\n'));
        Self { modules, opening: opening.to_owned(), closing: closing.to_owned() }
    }

    /// The text of items inside these modules, without the modules.
    pub(super) fn format(&self, items: &TokenStream) -> String {
        let text = whole(&self.modules, items);
        let end = text.len() - self.closing.len();
        text.get(self.opening.len()..end).unwrap_or(&text).to_owned()
    }

    /// The text of the modules without content.
    pub(super) fn empty(&self) -> String {
        whole(&self.modules, &TokenStream::new())
    }

    /// The lines that open the modules.
    pub(super) fn opening(&self) -> &str {
        &self.opening
    }

    /// The lines that close the modules.
    pub(super) fn closing(&self) -> &str {
        &self.closing
    }

    /// The lines that open these modules inside those of an outer shell.
    pub(super) fn opening_in(&self, outer: &Self) -> &str {
        self.opening.get(outer.opening.len()..).unwrap_or(&self.opening)
    }

    /// The lines that close these modules inside those of an outer shell.
    pub(super) fn closing_in(&self, outer: &Self) -> &str {
        self.closing.get(..self.closing.len() - outer.closing.len()).unwrap_or(&self.closing)
    }
}

fn whole(modules: &[Module], items: &TokenStream) -> String {
    format(&modules.iter().rev().fold(items.clone(), |inside, module| quote! { #module { #inside } }))
}

/// The formatted text of the tokens.
fn format(tokens: &TokenStream) -> String {
    match syn::parse2::<syn::File>(tokens.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        // Only a bug of this crate makes tokens that do not parse. Unformatted text shows it instead of hiding it.
        Err(_) => tokens.to_string(),
    }
}

/// Runs the work, on a thread with a larger stack if a table nests deeply. Parsing and printing recurse into modules,
/// and a hundred levels need more stack than a thread has on some platforms.
pub(super) fn with_stack_for(
    tables: &[&Table],
    mut work: impl FnMut() -> Result<(), Error> + Send,
) -> Result<(), Error> {
    const SHALLOW: usize = 16;
    const STACK: usize = 32 << 20;
    if tables.iter().all(|table| depth(&table.row) <= SHALLOW) {
        return work();
    }
    let deep = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, &mut work);
        thread.ok().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    // If no thread can be started, this thread's stack may still suffice.
    deep.unwrap_or_else(work)
}

fn depth(row: &Struct) -> usize {
    row.fields.iter().filter_map(|field| holds_struct(&field.data_type)).map(|row| 1 + depth(row)).max().unwrap_or(0)
}
