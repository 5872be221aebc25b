//! The implementation, in paths that no name of the user's can shadow.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{GenericParam, Generics, Ident, Path, Type, WherePredicate, parse_quote};

use crate::model::{Field, Message, Shape};
use crate::parse::{Conversion, Unit};

/// The traits that make the struct a row, and a value inside one.
pub(crate) fn implementation(message: &Message<'_>) -> TokenStream {
    match &message.shape {
        Shape::Newtype { ty, key } => newtype(message, ty, *key),
        Shape::Row(fields) => row(message, fields),
    }
}

/// Implementations that say nothing, so that a struct with an error has that error alone.
pub(crate) fn stub(message: &Message<'_>) -> TokenStream {
    row(message, &[])
}

fn row(message: &Message<'_>, fields: &[Field<'_>]) -> TokenStream {
    let Message { ident, runtime, .. } = message;
    let generics =
        with_bounds(message.generics, fields.iter().map(|field| field.ty), &parse_quote!(#runtime::message::Field));
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let name = message_name(message);
    let table = message
        .table
        .as_ref()
        .map(|table| quote!(const TABLE: ::core::option::Option<&'static str> = ::core::option::Option::Some(#table);));
    let schemas = fields.iter().map(|field| schema(field, runtime));
    let encodings = fields.iter().map(|field| encoding(field, runtime));
    quote! {
        #[automatically_derived]
        impl #impl_generics #runtime::ZerobusMessage for #ident #type_generics #where_clause {
            #table
            const SCHEMA: &'static #runtime::message::MessageSchema =
                &#runtime::message::MessageSchema { name: #name, fields: &[#(#schemas),*] };

            fn encode_to(&self, out: &mut #runtime::Encoder) {
                let _ = &out;
                #(#encodings)*
            }
        }

        #[automatically_derived]
        impl #impl_generics #runtime::message::Value for #ident #type_generics #where_clause {
            const TYPE: #runtime::message::ColumnType =
                #runtime::message::ColumnType::Struct(<Self as #runtime::ZerobusMessage>::SCHEMA);
            const WIRE: #runtime::message::WireType = #runtime::message::WireType::Delimited;

            fn encode(&self, out: &mut #runtime::Encoder) {
                out.nested(|out| #runtime::ZerobusMessage::encode_to(self, out));
            }
        }

        #[automatically_derived]
        impl #impl_generics #runtime::message::Element for #ident #type_generics #where_clause {}
    }
}

fn newtype(message: &Message<'_>, ty: &Type, key: bool) -> TokenStream {
    let Message { ident, runtime, .. } = message;
    let generics = with_bounds(message.generics, std::iter::once(ty), &parse_quote!(#runtime::message::Value));
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let inner = quote_spanned!(ty.span()=> <#ty as #runtime::message::Value>);
    let key = key.then(|| {
        quote! {
            #[automatically_derived]
            impl #impl_generics #runtime::message::Key for #ident #type_generics #where_clause {
                const KEY: #runtime::message::Scalar = <#ty as #runtime::message::Key>::KEY;
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl #impl_generics #runtime::message::Value for #ident #type_generics #where_clause {
            const TYPE: #runtime::message::ColumnType = #inner::TYPE;
            const WIRE: #runtime::message::WireType = #inner::WIRE;

            fn encode(&self, out: &mut #runtime::Encoder) {
                #inner::encode(&self.0, out);
            }
        }

        #[automatically_derived]
        impl #impl_generics #runtime::message::Element for #ident #type_generics #where_clause {}

        #key
    }
}

/// A row is named for its table, a struct for itself.
fn message_name(message: &Message<'_>) -> String {
    match &message.table {
        Some(table) => zerobus_codegen::message_name(table.value().rsplit('.').next().unwrap_or_default()),
        None => message.ident.to_string().trim_start_matches("r#").to_owned(),
    }
}

fn schema(field: &Field<'_>, runtime: &Path) -> TokenStream {
    let Field { ty, column, number, .. } = field;
    let span = ty.span();
    match &field.conversion {
        None => quote_spanned!(span=> #runtime::message::FieldSchema::of::<#ty>(#column, #number)),
        Some((span, Conversion::Json)) => match inside_option(ty) {
            None => quote_spanned!(*span=> #runtime::__private::schema_json::<#ty>(#column, #number)),
            Some(ty) => quote_spanned!(*span=> #runtime::__private::schema_optional_json::<#ty>(#column, #number)),
        },
        Some((_, Conversion::With(path))) => {
            quote_spanned!(path.span()=> #runtime::__private::schema_with(#column, #number, #path))
        }
        Some((span, conversion)) => {
            let to = target(conversion, *span, runtime);
            quote_spanned!(*span=> #runtime::__private::schema_as::<#to, #ty>(#column, #number))
        }
    }
}

fn encoding(field: &Field<'_>, runtime: &Path) -> TokenStream {
    let Field { ty, member, number, .. } = field;
    let value = match &field.conversion {
        None => quote!(&self.#member),
        Some((span, Conversion::Json)) if inside_option(ty).is_some() => {
            quote_spanned!(*span=> &::core::option::Option::as_ref(&self.#member).map(#runtime::__private::Json))
        }
        Some((span, Conversion::Json)) => quote_spanned!(*span=> &#runtime::__private::Json(&self.#member)),
        Some((_, Conversion::With(path))) => quote_spanned!(path.span()=> &#path(&self.#member)),
        Some((span, conversion)) => {
            let to = target(conversion, *span, runtime);
            quote_spanned!(*span=> &<#ty as #runtime::__private::Convert<#to>>::convert(&self.#member))
        }
    };
    quote_spanned!(ty.span()=> #runtime::message::Field::encode_field(#value, #number, out);)
}

/// The type that names what a field's value is converted to.
fn target(conversion: &Conversion, span: Span, runtime: &Path) -> TokenStream {
    let unit = |unit: &Unit| {
        let name = match unit {
            Unit::Micros => "Micros",
            Unit::Millis => "Millis",
            Unit::Nanos => "Nanos",
            Unit::Secs => "Secs",
        };
        Ident::new(name, span)
    };
    match conversion {
        Conversion::Date => quote_spanned!(span=> #runtime::Date),
        Conversion::Decimal(precision, scale) => quote_spanned!(span=> #runtime::Decimal<#precision, #scale>),
        Conversion::Json | Conversion::With(_) => quote_spanned!(span=> #runtime::Variant),
        Conversion::Timestamp(of) => {
            let unit = unit(of);
            quote_spanned!(span=> #runtime::__private::In<#runtime::__private::#unit, #runtime::Timestamp>)
        }
        Conversion::TimestampNtz(of) => {
            let unit = unit(of);
            quote_spanned!(span=> #runtime::__private::In<#runtime::__private::#unit, #runtime::TimestampNtz>)
        }
    }
}

/// What stands inside an `Option`, told by its name: every type is `Serialize`, so no trait can tell the two apart.
fn inside_option(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Option")?;
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        syn::GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

/// The struct's generics, with a bound for every field whose type is not known before they are.
fn with_bounds<'a>(generics: &Generics, types: impl Iterator<Item = &'a Type>, bound: &Path) -> Generics {
    let mut generics = generics.clone();
    let parameters: Vec<Ident> = generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    for parameter in &mut generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter.default = None;
        }
    }
    let depends = |ty: &&Type| mentions(quote!(#ty), &parameters);
    let predicates: Punctuated<WherePredicate, syn::Token![,]> =
        types.filter(depends).map(|ty| -> WherePredicate { parse_quote!(#ty: #bound) }).collect();
    if !predicates.is_empty() {
        generics.make_where_clause().predicates.extend(predicates);
    }
    generics
}

fn mentions(tokens: TokenStream, parameters: &[Ident]) -> bool {
    tokens.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Group(group) => mentions(group.stream(), parameters),
        proc_macro2::TokenTree::Ident(ident) => parameters.contains(&ident),
        _ => false,
    })
}
