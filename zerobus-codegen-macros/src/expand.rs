//! The generated implementation. It uses absolute paths only, so no name in the user's crate can shadow them.

use std::path::PathBuf;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{GenericParam, Generics, WherePredicate};

use crate::accessors::accessors;
use crate::code;
use crate::column_check;
use crate::model::{Field, Message, Newtype, Shape, Variant};
use crate::parse::TableAttribute;
use crate::stamps;

/// The trait implementations of a row, a newtype or an enum.
///
/// The code includes the files that the struct was checked against, so cargo rebuilds when they change.
pub(crate) fn implementation(message: &Message<'_>, checked_with: &[PathBuf]) -> TokenStream {
    let implementation = match &message.shape {
        Shape::Enum(variants) => text(message, variants),
        Shape::Newtype(field) if field.good => newtype(message, field),
        // Its errors are reported; implement a plain value so that no other error follows.
        Shape::Newtype(_) => text(message, &[]),
        Shape::Row(fields) => row(message, fields),
    };
    let files = checked_with.iter().map(|file| file.to_string_lossy().into_owned());
    quote!(#implementation #(const _: &[u8] = ::core::include_bytes!(#files);)*)
}

fn row(message: &Message<'_>, fields: &[Field<'_>]) -> TokenStream {
    let Message { ident, runtime, generics, .. } = message;
    let good: Vec<&Field<'_>> = fields.iter().filter(|field| field.good).collect();
    let bounded = with_bounds(generics, good.iter().map(|field| code::Code::of_field(field, runtime)));
    let (impl_generics, type_generics, where_clause) = bounded.split_for_impl();
    let (name, table) = (message_name(message), table_constant(message));
    let schemas = good.iter().map(|field| column_check::schema(field, message));
    let is_plain = good.iter().map(|field| code::Code::of_field(field, runtime).is_plain());
    let encodings = good.iter().map(|field| column_check::encoding(field, message));
    let stamps::Stamps { constant: stamps, checks: stamp_checks, nested } = stamps::stamps(&good, message);
    let checks = column_check::checks(&good, message, &stamp_checks);
    let nested = nested
        .unwrap_or_else(|| quote!(#runtime::message::ColumnType::Struct(<Self as #runtime::ZerobusMessage>::SCHEMA)));
    let (accessors, out) = (accessors(message, fields), code::out());
    quote! {
        #[automatically_derived]
        impl #impl_generics #runtime::ZerobusMessage for #ident #type_generics #where_clause {
            #table
            #stamps
            const SCHEMA: &'static #runtime::message::MessageSchema =
                &#runtime::message::MessageSchema { name: #name, fields: &[#(#schemas),*] };
            const IS_PLAIN: bool = true #(&& #is_plain)*;

            // Inlined, so code is generated only in crates that send rows of the type. The other functions are the
            // same.
            #[inline]
            fn encode_to(&self, #out: &mut #runtime::Encoder) {
                let _ = &#out;
                #(#encodings)*
            }
        }

        #[automatically_derived]
        impl #impl_generics #runtime::message::Value for #ident #type_generics #where_clause {
            const TYPE: #runtime::message::ColumnType = #nested;
            const WIRE: #runtime::message::WireType = #runtime::message::WireType::Delimited;
            const IS_PLAIN: bool = <Self as #runtime::ZerobusMessage>::IS_PLAIN;

            #[inline]
            fn encode(&self, #out: &mut #runtime::Encoder) {
                #runtime::Encoder::nested(#out, |#out| #runtime::ZerobusMessage::encode_to(self, #out));
            }
        }

        #[automatically_derived]
        impl #impl_generics #runtime::message::Element for #ident #type_generics #where_clause {}

        #checks
        #accessors
    }
}

fn newtype(message: &Message<'_>, field: &Newtype<'_>) -> TokenStream {
    let Message { ident, runtime, generics, .. } = message;
    let code = code::Code::of_newtype(field, runtime);
    let bounded = with_bounds(generics, std::iter::once(code.clone()));
    let (impl_generics, type_generics, where_clause) = bounded.split_for_impl();
    let is_plain = code.is_plain();
    let code::ValueCode { column_type, wire, encoding, key } = code.value();
    let out = code::out();
    let key = message.container.key.as_ref().map(|_| {
        quote! {
            #[automatically_derived]
            impl #impl_generics #runtime::message::Key for #ident #type_generics #where_clause {
                const KEY: #runtime::message::Scalar = #key;
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl #impl_generics #runtime::message::Value for #ident #type_generics #where_clause {
            const TYPE: #runtime::message::ColumnType = #column_type;
            const WIRE: #runtime::message::WireType = #wire;
            const IS_PLAIN: bool = #is_plain;

            #[inline]
            fn encode(&self, #out: &mut #runtime::Encoder) {
                #encoding
            }
        }

        #[automatically_derived]
        impl #impl_generics #runtime::message::Element for #ident #type_generics #where_clause {}

        #key
    }
}

/// An enum encodes as the text of its variant.
fn text(message: &Message<'_>, variants: &[Variant<'_>]) -> TokenStream {
    let Message { ident, runtime, generics, .. } = message;
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let arms = variants.iter().map(|Variant { ident, text, .. }| quote!(Self::#ident { .. } => #text,));
    let text = if variants.is_empty() { quote!("") } else { quote!(match *self { #(#arms)* }) };
    quote! {
        #[automatically_derived]
        impl #impl_generics #runtime::message::Value for #ident #type_generics #where_clause {
            const TYPE: #runtime::message::ColumnType =
                #runtime::message::ColumnType::Scalar(#runtime::message::Scalar::String);
            const WIRE: #runtime::message::WireType = #runtime::message::WireType::Delimited;
            const IS_PLAIN: bool = true;

            #[inline]
            fn encode(&self, out: &mut #runtime::Encoder) {
                let text: &'static str = #text;
                #runtime::message::Value::encode(text, out);
            }
        }

        #[automatically_derived]
        impl #impl_generics #runtime::message::Element for #ident #type_generics #where_clause {}

        #[automatically_derived]
        impl #impl_generics #runtime::message::Key for #ident #type_generics #where_clause {
            const KEY: #runtime::message::Scalar = #runtime::message::Scalar::String;
        }
    }
}

/// The message of a row is named after its table, any other after the struct.
fn message_name(message: &Message<'_>) -> String {
    match &message.table {
        Some(TableAttribute::Literal(table)) => {
            zerobus_codegen::type_name(table.value().rsplit('.').next().unwrap_or_default())
        }
        Some(TableAttribute::Constant(_)) | None => message.ident.to_string().trim_start_matches("r#").to_owned(),
    }
}

fn table_constant(message: &Message<'_>) -> Option<TokenStream> {
    let table = message.table.as_ref()?;
    Some(quote!(const TABLE: ::core::option::Option<&'static str> = ::core::option::Option::Some(#table);))
}

/// The type's generics with bounds for every field of a generic type.
fn with_bounds<'a>(generics: &Generics, fields: impl Iterator<Item = code::Code<'a>>) -> Generics {
    let mut generics = generics.clone();
    let parameters: Vec<Ident> = generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    for parameter in &mut generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter.default = None;
        }
    }
    let predicates: Punctuated<WherePredicate, syn::Token![,]> =
        fields.filter(|code| mentions(code.ty(), &parameters)).flat_map(|code| code.bounds()).collect();
    if !predicates.is_empty() {
        generics.make_where_clause().predicates.extend(predicates);
    }
    generics
}

fn mentions(tokens: TokenStream, parameters: &[Ident]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => mentions(group.stream(), parameters),
        TokenTree::Ident(ident) => parameters.contains(&ident),
        TokenTree::Literal(_) | TokenTree::Punct(_) => false,
    })
}
