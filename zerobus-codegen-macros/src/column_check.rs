//! The comparison of a field with its column, as constants that the compiler evaluates: the field's schema entry, the checks
//! of its type, and the checks of its text lengths.

use proc_macro2::{Ident, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericParam, Generics};
use zerobus_codegen::{DataType, Element, Field as Column, Scalar, Struct};

use crate::code::Code;
use crate::model::{Field, Message};
use crate::parse::TableAttribute;
use crate::schema_tokens::{column_schema, data_type};

/// The field's entry in the row's schema.
pub(crate) fn schema(field: &Field<'_>, message: &Message<'_>) -> TokenStream {
    let Field { column, number, ty, .. } = field;
    let runtime = &message.runtime;
    let found = || Code::of_field(field, runtime).field_type();
    let span = ty.span();
    match &field.expected {
        None => {
            let found = found();
            quote_spanned!(span=> #found.named(#column, #number))
        }
        Some(expected)
            if field.declared.is_none() && !holds_struct(&expected.data_type) && is_known(message.generics) =>
        {
            column_schema(expected, runtime)
        }
        Some(expected) => {
            let (found, check) = (found(), check(field, expected, message));
            let check = (!is_known(message.generics)).then_some(check);
            let expected = column_schema(expected, runtime);
            let schema = if field.declared.is_some() { quote!(declared) } else { quote!(schema_of) };
            quote_spanned!(span=> { #check #runtime::__private::#schema(#found, #expected) })
        }
    }
}

/// The statements that encode a field and check its texts against CHAR and VARCHAR lengths.
pub(crate) fn encoding(field: &Field<'_>, message: &Message<'_>) -> TokenStream {
    let runtime = &message.runtime;
    let code = Code::of_field(field, runtime);
    let encoding = code.encoding();
    let Some((expected, shortest)) = field.expected.as_ref().and_then(|column| Some((column, shortest(column)?)))
    else {
        return encoding;
    };
    let (found, expected) = (code.field_type(), data_type(&expected.data_type, runtime));
    quote_spanned! {field.ty.span()=>
        let start = out.len();
        #encoding
        #runtime::__private::hold_lengths(out, start, #shortest, const {
            &#runtime::__private::Lengths { found: #found.column_type, expected: #expected }
        });
    }
}

/// The smallest CHAR or VARCHAR length in this column, if there is one.
fn shortest(column: &Column) -> Option<u32> {
    let of_scalar = |scalar: &Scalar| match scalar {
        Scalar::Char(length) | Scalar::Varchar(length) => Some(*length),
        _ => None,
    };
    let of_struct = |of: &Struct| of.fields.iter().filter_map(shortest).min();
    let of_element = |element: &Element| match element {
        Element::Scalar(scalar) => of_scalar(scalar),
        Element::Struct(of) => of_struct(of),
    };
    match &column.data_type {
        DataType::Array(element) => of_element(element),
        DataType::Map(key, value) => of_scalar(&key.scalar()).into_iter().chain(of_element(value)).min(),
        DataType::Scalar(scalar) => of_scalar(scalar),
        DataType::Struct(of) => of_struct(of),
    }
}

/// One constant per field that compares it with its column, so one mistake does not hide the next.
///
/// The types of a struct with type or const parameters are known only where it is used; its schema has the check there.
pub(crate) fn checks(fields: &[&Field<'_>], message: &Message<'_>) -> TokenStream {
    if !is_known(message.generics) {
        return TokenStream::new();
    }
    let checks = fields.iter().filter_map(|field| {
        let check = check(field, field.expected.as_ref()?, message);
        Some(quote_spanned!(field.ty.span()=> const _: () = { #check };))
    });
    let constant = message.table.as_ref().filter(|table| matches!(table, TableAttribute::Constant(_))).map(|table| {
        let runtime = &message.runtime;
        quote_spanned!(table.span()=> const _: () = #runtime::__private::check_table_name(#table);)
    });
    let checks = quote!(#constant #(#checks)*);
    let own = message.ident;
    let arguments = static_arguments(message.generics);
    with_static_lifetimes(checks, message.generics, &quote!(#own #arguments))
}

/// Statements that panic during constant evaluation if the field does not fit its column.
fn check(field: &Field<'_>, expected: &Column, message: &Message<'_>) -> TokenStream {
    let runtime = &message.runtime;
    let found = Code::of_field(field, runtime).field_type();
    let (written, expected) = (written(field), column_schema(expected, runtime));
    let table = match &message.table {
        Some(TableAttribute::Literal(table)) => table.value(),
        Some(TableAttribute::Constant(_)) | None => String::new(),
    };
    // The panic is here and not in a function of the runtime, so the error points at the field.
    quote_spanned! {field.ty.span()=>
        const COLUMN: #runtime::__private::Column =
            #runtime::__private::Column { schema: #expected, table: #table, field: #written };
        if let ::core::option::Option::Some(message) = #runtime::__private::mismatch(#found, &COLUMN) {
            ::core::panic!("{}", message.as_str())
        }
    }
}

/// Whether the field types are known where the struct is defined.
fn is_known(generics: &Generics) -> bool {
    generics.params.iter().all(|parameter| matches!(parameter, GenericParam::Lifetime(_)))
}

fn static_arguments(generics: &Generics) -> TokenStream {
    let lifetimes = generics.lifetimes().map(|_| quote!('static));
    if generics.params.is_empty() { TokenStream::new() } else { quote!(<#(#lifetimes),*>) }
}

/// The tokens for use outside the struct: lifetimes become `'static`, `Self` becomes the struct's name.
fn with_static_lifetimes(tokens: TokenStream, generics: &Generics, own: &TokenStream) -> TokenStream {
    let lifetimes: Vec<&Ident> = generics.lifetimes().map(|parameter| &parameter.lifetime.ident).collect();
    let mut behind_quote = false;
    let replaced = tokens.into_iter().map(|token| {
        let is_lifetime = std::mem::take(&mut behind_quote);
        match token {
            TokenTree::Group(group) => {
                let inside = with_static_lifetimes(group.stream(), generics, own);
                let mut replaced = proc_macro2::Group::new(group.delimiter(), inside);
                replaced.set_span(group.span());
                TokenTree::from(replaced).into()
            }
            TokenTree::Ident(ident) if is_lifetime && lifetimes.contains(&&ident) => {
                Ident::new("static", ident.span()).into_token_stream()
            }
            TokenTree::Ident(ident) if !is_lifetime && ident == "Self" => own.clone(),
            TokenTree::Punct(punct) => {
                behind_quote = punct.as_char() == '\'' && punct.spacing() == Spacing::Joint;
                punct.into_token_stream()
            }
            other => other.into(),
        }
    });
    replaced.collect()
}

/// The field approximately as written: `mag: Option<f64>`.
fn written(field: &Field<'_>) -> String {
    let (member, ty) = (&field.member, field.ty);
    let tokens = quote!(#ty).to_string();
    let tight = ["<", ">", "::", ",", "&", "[", "]", ";"].iter().fold(tokens, |text, mark| {
        let text = text.replace(&format!(" {mark}"), mark);
        if matches!(*mark, "," | ";") { text } else { text.replace(&format!("{mark} "), mark) }
    });
    format!("{}: {tight}", quote!(#member))
}

fn holds_struct(data_type: &DataType) -> bool {
    match data_type {
        DataType::Array(element) | DataType::Map(_, element) => matches!(element, Element::Struct(_)),
        DataType::Scalar(_) => false,
        DataType::Struct(_) => true,
    }
}
