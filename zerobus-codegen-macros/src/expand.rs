//! The implementation, in paths that no name of the user's can shadow.

use std::path::PathBuf;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{GenericParam, Generics, Ident, Path, Type, WherePredicate, parse_quote};

use crate::held;
use crate::model::{Field, Message, Shape};
use crate::parse::{Conversion, Unit};

/// The traits that make the struct a row, and a value inside one.
///
/// The code names the files by which the struct was held against its table, so that the compiler sees them change.
pub(crate) fn implementation(message: &Message<'_>, held_by: Option<&[PathBuf]>) -> TokenStream {
    let implementation = match &message.shape {
        Shape::Newtype { ty, key } => newtype(message, ty, *key),
        Shape::Row(fields) => row(message, fields),
    };
    let files = held_by.into_iter().flatten().map(|file| file.to_string_lossy().into_owned());
    let evaluated = held_by.and_then(|_| evaluated(message));
    quote!(#implementation #(const _: &[u8] = ::core::include_bytes!(#files);)* #evaluated)
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
    let schemas = fields.iter().map(|field| schema(field, message));
    let encodings = fields.iter().map(|field| encoding(field, runtime));
    quote! {
        #[automatically_derived]
        impl #impl_generics #runtime::ZerobusMessage for #ident #type_generics #where_clause {
            #table
            const SCHEMA: &'static #runtime::message::MessageSchema =
                &#runtime::message::MessageSchema { name: #name, fields: &[#(#schemas),*] };

            // Compiled where rows of the type are sent, and nowhere if none are; so are its other functions.
            #[inline]
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

            #[inline]
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

            #[inline]
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

/// Has the compiler evaluate the schema where the struct stands, and not only where it is used.
///
/// With a type or a constant for a parameter there is no one schema to evaluate.
fn evaluated(message: &Message<'_>) -> Option<TokenStream> {
    let Message { ident, generics, runtime, .. } = message;
    let lifetimes = generics.lifetimes().map(|_| quote!('static));
    let monomorphic = generics.params.iter().all(|parameter| matches!(parameter, GenericParam::Lifetime(_)));
    let generics = (!generics.params.is_empty()).then(|| quote!(<#(#lifetimes),*>));
    monomorphic.then(|| {
        quote! {
            const _: &#runtime::message::MessageSchema = <#ident #generics as #runtime::ZerobusMessage>::SCHEMA;
        }
    })
}

fn schema(field: &Field<'_>, message: &Message<'_>) -> TokenStream {
    let Field { column, number, .. } = field;
    let runtime = &message.runtime;
    let found = field_type(field, runtime);
    let span = field.ty.span();
    let (Some(expected), Some(table)) = (&field.expected, &message.table) else {
        return quote_spanned!(span=> #found.named(#column, #number));
    };
    let written = written(field);
    let expected = held::field(expected, runtime);
    // The panic stands here, and not in a function of the runtime, so that the error points at the field.
    quote_spanned! {span=> {
        const COLUMN: #runtime::__private::Column =
            #runtime::__private::Column { schema: #expected, table: #table, field: #written };
        match #runtime::__private::mismatch(#found, &COLUMN) {
            ::core::option::Option::None => #runtime::__private::schema_of(#found, &COLUMN),
            ::core::option::Option::Some(message) => ::core::panic!("{}", message.as_str()),
        }
    }}
}

/// What the field's type says of its column.
fn field_type(field: &Field<'_>, runtime: &Path) -> TokenStream {
    let ty = field.ty;
    match &field.conversion {
        None => quote_spanned!(ty.span()=> #runtime::message::FieldType::of::<#ty>()),
        Some((span, Conversion::Default(_))) => quote_spanned!(*span=> #runtime::__private::type_or::<#ty>()),
        Some((span, Conversion::Json)) => match inside_option(ty) {
            None => quote_spanned!(*span=> #runtime::__private::type_json::<#ty>()),
            Some(ty) => quote_spanned!(*span=> #runtime::__private::type_optional_json::<#ty>()),
        },
        Some((_, Conversion::With(path))) => {
            quote_spanned!(path.span()=> #runtime::__private::type_with::<#ty, _>(|value| #path(value)))
        }
        Some((span, conversion)) => {
            let to = target(conversion, *span, runtime);
            quote_spanned!(*span=> #runtime::__private::type_as::<#to, #ty>())
        }
    }
}

/// The field as its author wrote it, near enough: `mag: Option<f64>`.
fn written(field: &Field<'_>) -> String {
    let (member, ty) = (&field.member, field.ty);
    let tokens = quote!(#ty).to_string();
    let tight = ["<", ">", "::", ",", "&", "[", "]", ";"].iter().fold(tokens, |text, mark| {
        let text = text.replace(&format!(" {mark}"), mark);
        if matches!(*mark, "," | ";") { text } else { text.replace(&format!("{mark} "), mark) }
    });
    format!("{}: {tight}", quote!(#member))
}

fn encoding(field: &Field<'_>, runtime: &Path) -> TokenStream {
    let Field { ty, member, number, .. } = field;
    let value = match &field.conversion {
        None => quote!(&self.#member),
        Some((span, Conversion::Default(path))) => {
            let default = path.as_ref().map_or_else(|| quote!(::core::default::Default::default), |path| quote!(#path));
            quote_spanned!(*span=> &#runtime::__private::or(&self.#member, #default))
        }
        Some((span, Conversion::Json)) if inside_option(ty).is_some() => {
            quote_spanned!(*span=> &::core::option::Option::as_ref(&self.#member).map(#runtime::__private::Json))
        }
        Some((span, Conversion::Json)) => quote_spanned!(*span=> &#runtime::__private::Json(&self.#member)),
        Some((_, Conversion::With(path))) => quote_spanned!(path.span()=> &#path(&self.#member)),
        Some((span, conversion)) => {
            let to = target(conversion, *span, runtime);
            quote_spanned!(*span=> &#runtime::__private::convert::<#to, _>(&self.#member))
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
        Conversion::Default(_) | Conversion::Json | Conversion::With(_) => quote_spanned!(span=> #runtime::Variant),
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
