//! Parses the list of `#[zerobus(…)]` item by item: `name = …`, `timestamp(…)`, `skip`. An error in one does not hide
//! the next.

use proc_macro2::TokenTree;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Ident, Meta, Token};

use crate::Errors;

/// One item of the list, read up to its name.
pub(crate) struct Item<'a> {
    pub(crate) name: Ident,
    /// The tokens after the name.
    pub(crate) rest: ParseStream<'a>,
}

impl Item<'_> {
    /// The name as written.
    pub(crate) fn spelling(&self) -> String {
        self.name.unraw().to_string()
    }

    pub(crate) fn error(&self, message: impl std::fmt::Display) -> syn::Error {
        syn::Error::new(self.name.span(), message)
    }

    /// The value after `=`.
    pub(crate) fn value<T: Parse>(&self) -> syn::Result<T> {
        self.rest.parse::<Token![=]>()?;
        self.rest.parse()
    }

    /// Stores the value after `=` in a slot that must be empty.
    pub(crate) fn set<T: Parse>(&self, slot: &mut Option<T>) -> syn::Result<()> {
        let value = self.value()?;
        self.once(slot.is_none())?;
        *slot = Some(value);
        Ok(())
    }

    /// Sets a flag that must be unset.
    pub(crate) fn flag(&self, slot: &mut bool) -> syn::Result<()> {
        self.once(!*slot)?;
        *slot = true;
        Ok(())
    }

    /// Rejects an item that appears twice.
    pub(crate) fn once(&self, is_first: bool) -> syn::Result<()> {
        let name = self.spelling();
        if is_first { Ok(()) } else { Err(self.error(format!("`{name}` appears twice; remove one"))) }
    }
}

/// Reads every item of every `#[zerobus(…)]`. Returns whether all were valid.
pub(crate) fn each_item(
    attributes: &[Attribute],
    errors: &mut Errors,
    mut read: impl FnMut(Item<'_>) -> syn::Result<()>,
) -> bool {
    let before = errors.len();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("zerobus")) {
        let Meta::List(list) = &attribute.meta else {
            errors.push(&attribute.meta, "expected a list: #[zerobus(...)]");
            continue;
        };
        let items = list.parse_args_with(|input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = item(input, &mut read) {
                    errors.extend(error);
                    skip_item(input)?;
                }
            }
            Ok(())
        });
        if let Err(error) = items {
            errors.extend(error);
        }
    }
    errors.len() == before
}

/// Reads one item and the comma after it.
fn item(input: ParseStream<'_>, read: &mut impl FnMut(Item<'_>) -> syn::Result<()>) -> syn::Result<()> {
    let name = input
        .call(Ident::parse_any)
        .map_err(|error| syn::Error::new(error.span(), "expected the name of an attribute, as in #[zerobus(skip)]"))?;
    let spelling = name.clone();
    read(Item { name, rest: input })?;
    if input.is_empty() {
        return Ok(());
    }
    if !input.peek(Token![,]) {
        return Err(input.error(format!("expected a comma after `{spelling}`")));
    }
    input.parse::<Token![,]>().map(drop)
}

/// Skips the rest of an item and the comma after it.
fn skip_item(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        if matches!(input.parse()?, TokenTree::Punct(punct) if punct.as_char() == ',') {
            break;
        }
    }
    Ok(())
}
