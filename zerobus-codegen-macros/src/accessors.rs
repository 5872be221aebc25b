//! The constants of `column_names` and the methods of `setters`.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Member;
use syn::ext::IdentExt;

use crate::code::inside;
use crate::model::{Field, Message};

/// The constants and methods that the attributes request.
pub(crate) fn accessors(message: &Message<'_>, fields: &[Field<'_>]) -> Option<TokenStream> {
    let container = &message.container;
    let is_named = container.column_names.is_some() || container.generated;
    // `check` reports duplicates; one of them is enough here.
    let mut seen = HashSet::new();
    let is_first = |field: &&Field<'_>| constant(field).is_some_and(|constant| seen.insert(constant));
    let names = is_named.then(|| fields.iter().filter(is_first).filter_map(column_name));
    let setters = container.setters.as_ref().map(|_| fields.iter().filter_map(setter));
    let items: Vec<TokenStream> = names.into_iter().flatten().chain(setters.into_iter().flatten()).collect();
    if items.is_empty() {
        return None;
    }
    let ident = message.ident;
    let (impl_generics, type_generics, where_clause) = message.generics.split_for_impl();
    Some(quote! {
        #[automatically_derived]
        #[allow(dead_code, reason = "a program need not name or set every column")]
        impl #impl_generics #ident #type_generics #where_clause {
            #(#items)*
        }
    })
}

/// The constant that holds the name of a field's column.
pub(crate) fn constant(field: &Field<'_>) -> Option<String> {
    Some(format!("COLUMN_{}", spelling(field)?.to_uppercase()))
}

fn column_name(field: &Field<'_>) -> Option<TokenStream> {
    let Field { visibility, column, .. } = field;
    let name = format_ident!("{}", constant(field)?);
    let docs = format!(" The name of the column `{column}`.");
    Some(quote! {
        #[doc = #docs]
        #visibility const #name: &'static str = #column;
    })
}

/// The setter of an `Option` also takes a plain value, so calls still compile when a NOT NULL column becomes nullable.
fn setter(field: &Field<'_>) -> Option<TokenStream> {
    let Field { visibility, column, ty, member, .. } = field;
    let name = format_ident!("with_{}", spelling(field)?);
    let docs = format!(" Sets the column `{column}`.");
    let (argument, value) = match inside(ty, "Option") {
        Some(_) => (quote!(impl ::core::convert::Into<#ty>), quote!(::core::convert::Into::into(value))),
        None => (quote!(#ty), quote!(value)),
    };
    Some(quote! {
        #[doc = #docs]
        #[must_use]
        #visibility fn #name(mut self, value: #argument) -> Self {
            self.#member = #value;
            self
        }
    })
}

fn spelling(field: &Field<'_>) -> Option<String> {
    match &field.member {
        Member::Named(ident) => Some(ident.unraw().to_string()),
        Member::Unnamed(_) => None,
    }
}
