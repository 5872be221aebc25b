//! `#[derive(ZerobusMessage)]`: a Rust struct as a row of a Unity Catalog table.
//!
//! Use it through `zerobus_runtime::ZerobusMessage`, whose documentation has the attributes; this crate is its engine.
//! A struct passes through stages, a file each: `parse` reads the attributes as they are written, `model` gives every
//! field its column, `table` looks that column up in the `snapshot`, `check` finds what is wrong, `expand` writes the
//! implementation. What only types can tell is written as constants, which the compiler then evaluates.

mod check;
mod expand;
mod held;
mod model;
mod parse;
mod snapshot;
mod table;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `ZerobusMessage`: see the documentation of `zerobus_runtime::ZerobusMessage`.
#[proc_macro_derive(ZerobusMessage, attributes(zerobus))]
pub fn derive_zerobus_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let mut errors = Errors::default();
    let container = parse::container(&input, &mut errors);
    let mut message = model::message(&input, container, &mut errors);
    check::check(&message, &mut errors);
    let snapshot = table::hold(&mut message, &mut errors);
    match errors.into_compile_error() {
        None => expand::implementation(&message, snapshot.as_deref()).into(),
        Some(error) => [error, expand::stub(&message)].into_iter().collect::<proc_macro2::TokenStream>().into(),
    }
}

/// Everything that is wrong with a struct, told at once.
#[derive(Default)]
struct Errors(Vec<syn::Error>);

impl Errors {
    fn push(&mut self, at: impl quote::ToTokens, message: impl std::fmt::Display) {
        self.0.push(syn::Error::new_spanned(at, message));
    }

    fn extend(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    fn into_compile_error(self) -> Option<proc_macro2::TokenStream> {
        let mut errors = self.0.into_iter();
        let mut all = errors.next()?;
        errors.for_each(|error| all.combine(error));
        Some(all.into_compile_error())
    }
}
