//! Stamps: the columns that the stream fills in, `#[zerobus(stamp = "…")]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use zerobus_codegen::Stamp;

use crate::Errors;
use crate::column_check::{for_static, is_known, written};
use crate::model::{Field, Message};

/// Checks that a row has each stamp once, or none: only the three together identify a row.
pub(crate) fn check(fields: &[Field<'_>], errors: &mut Errors) {
    let mut seen: Vec<(Stamp, &Field<'_>)> = Vec::new();
    // A field with an error may be the one whose stamp is missing.
    let mut is_good = fields.iter().all(|field| field.good);
    for field in fields {
        let Some(attribute) = field.stamp else { continue };
        let name = attribute.stamp.name();
        if let Some((_, first)) = seen.iter().find(|(stamp, _)| *stamp == attribute.stamp) {
            let message = format!("`{name}` is also the stamp of column `{}`; a row has each stamp once", first.column);
            errors.extend(syn::Error::new(attribute.span, message));
            is_good = false;
        } else {
            seen.push((attribute.stamp, field));
        }
    }
    let Some(first) = seen.first().and_then(|(_, field)| field.stamp).filter(|_| is_good) else { return };
    let has = |stamp: Stamp| seen.iter().any(|(found, _)| *found == stamp);
    let missing: Vec<String> = Stamp::ALL.into_iter().filter(|stamp| !has(*stamp)).map(quoted).collect();
    if !missing.is_empty() {
        let message = format!(
            "producer, epoch and sequence identify a row together; add a field with the stamp {}",
            missing.join(", and one with the stamp ")
        );
        errors.extend(syn::Error::new(first.span, message));
    }
}

fn quoted(stamp: Stamp) -> String {
    format!("\"{}\"", stamp.name())
}

/// The constant with the columns' names, and the check of their types where they are known.
pub(crate) struct Stamps {
    /// The constant `STAMPS` of the row.
    pub(crate) constant: Option<TokenStream>,
    /// One constant per stamp that compares its column with the stamp's type.
    pub(crate) checks: TokenStream,
    /// For a stamped row, the error if it is used as a value inside another row.
    pub(crate) nested: Option<TokenStream>,
}

/// The code for the stamps of a row; nothing if it has none.
pub(crate) fn stamps(fields: &[&Field<'_>], message: &Message<'_>) -> Stamps {
    let runtime = &message.runtime;
    let column = |stamp: Stamp| {
        let is_stamped = |field: &&&Field<'_>| field.stamp.is_some_and(|attribute| attribute.stamp == stamp);
        fields.iter().find(is_stamped).map(|field| field.column.as_str())
    };
    let [Some(producer), Some(epoch), Some(sequence)] = Stamp::ALL.map(column) else {
        return Stamps { constant: None, checks: TokenStream::new(), nested: None };
    };
    let is_known = is_known(message.generics);
    let own = if is_known { for_static(message) } else { quote!(Self) };
    let checks = fields.iter().enumerate();
    let checks: Vec<TokenStream> = checks.filter_map(|(i, field)| check_type(i, field, &own, runtime)).collect();
    let inside = (!is_known).then(|| quote!(#(#checks)*));
    let outside = is_known.then(|| quote!(#(const _: () = { #checks };)*));
    let nested = fields.iter().find_map(|field| field.stamp).map(|attribute| {
        let text = format!(
            "struct `{}` is stamped, and a stream stamps rows, not a STRUCT inside a row; remove `stamp`, or nest a struct \
             without it",
            message.ident
        );
        quote_spanned!(attribute.span=> ::core::panic!(#text))
    });
    Stamps {
        constant: Some(quote! {
            const STAMPS: ::core::option::Option<#runtime::message::Stamps> = {
                #inside
                ::core::option::Option::Some(#runtime::message::Stamps {
                    producer: #producer, epoch: #epoch, sequence: #sequence
                })
            };
        }),
        checks: outside.unwrap_or_default(),
        nested,
    }
}

/// Statements that panic during constant evaluation if the column cannot have the stamp.
fn check_type(i: usize, field: &Field<'_>, own: &TokenStream, runtime: &syn::Path) -> Option<TokenStream> {
    let stamp = field.stamp?.stamp;
    let text = format!(
        "the stamp \"{}\" fills a {}, and field `{}` encodes another type; {}",
        stamp.name(),
        stamp.scalar(),
        written(field),
        remedy(stamp)
    );
    let scalar = match stamp {
        Stamp::Producer => quote!(String),
        Stamp::Epoch | Stamp::Sequence => quote!(Long),
    };
    let span = syn::spanned::Spanned::span(field.ty);
    Some(quote_spanned! {span=>
        if !::core::matches!(
            <#own as #runtime::ZerobusMessage>::SCHEMA.fields[#i].column_type,
            #runtime::message::ColumnType::Scalar(#runtime::message::Scalar::#scalar)
        ) {
            ::core::panic!(#text)
        }
    })
}

const fn remedy(stamp: Stamp) -> &'static str {
    match stamp {
        Stamp::Producer => "use Option<String>",
        Stamp::Epoch | Stamp::Sequence => "use Option<i64>",
    }
}
