//! What a field says of its column, and the column of the table for the compiler to compare it with.

use proc_macro2::{Ident, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericParam, Generics, Path};
use zerobus_codegen::{DataType, Element, Field as Column, Scalar, Struct};

use crate::code::Code;
use crate::model::{Field, Message};
use crate::parse::TableAttribute;

/// The entry of a field in the schema of its row.
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

/// The statement that writes a field, and what holds its texts against the lengths of their columns.
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

/// The least of the lengths that texts in this column may have, if any has one.
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

/// Each field held against its column by itself, so that one mistake does not hide the next.
///
/// With a type or a constant for a parameter the types are known where the struct is used: there its schema does this.
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

/// The statements that fail where the field does not fit its column.
fn check(field: &Field<'_>, expected: &Column, message: &Message<'_>) -> TokenStream {
    let runtime = &message.runtime;
    let found = Code::of_field(field, runtime).field_type();
    let (written, expected) = (written(field), column_schema(expected, runtime));
    let table = match &message.table {
        Some(TableAttribute::Literal(table)) => table.value(),
        Some(TableAttribute::Constant(_)) | None => String::new(),
    };
    // The panic stands here, and not in a function of the runtime, so that the error points at the field.
    quote_spanned! {field.ty.span()=>
        const COLUMN: #runtime::__private::Column =
            #runtime::__private::Column { schema: #expected, table: #table, field: #written };
        if let ::core::option::Option::Some(message) = #runtime::__private::mismatch(#found, &COLUMN) {
            ::core::panic!("{}", message.as_str())
        }
    }
}

/// Whether the types of the fields are known where the struct is defined.
fn is_known(generics: &Generics) -> bool {
    generics.params.iter().all(|parameter| matches!(parameter, GenericParam::Lifetime(_)))
}

fn static_arguments(generics: &Generics) -> TokenStream {
    let lifetimes = generics.lifetimes().map(|_| quote!('static));
    if generics.params.is_empty() { TokenStream::new() } else { quote!(<#(#lifetimes),*>) }
}

/// The tokens outside of the struct: its lifetimes are `'static`, `Self` is its name.
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

fn holds_struct(data_type: &DataType) -> bool {
    match data_type {
        DataType::Array(element) | DataType::Map(_, element) => matches!(element, Element::Struct(_)),
        DataType::Scalar(_) => false,
        DataType::Struct(_) => true,
    }
}

/// The column as a `FieldSchema`.
fn column_schema(column: &Column, runtime: &Path) -> TokenStream {
    let Column { name, nullable, .. } = column;
    let number = column.number.unsigned_abs();
    let column_type = data_type(&column.data_type, runtime);
    let presence = match (&column.data_type, nullable) {
        (DataType::Array(_) | DataType::Map(..), _) => quote!(Repeated),
        (_, true) => quote!(Optional),
        (_, false) => quote!(Required),
    };
    quote! {
        #runtime::message::FieldSchema {
            name: #name,
            number: #number,
            column_type: #column_type,
            presence: #runtime::message::Presence::#presence,
        }
    }
}

fn data_type(data_type: &DataType, runtime: &Path) -> TokenStream {
    let column_type = quote!(#runtime::message::ColumnType);
    match data_type {
        DataType::Array(inner) => {
            let inner = element(inner, runtime);
            quote!(#column_type::Array(&#inner))
        }
        DataType::Map(key, value) => {
            let (key, value) = (scalar(key.scalar(), runtime), element(value, runtime));
            quote!(#column_type::Map(#key, &#value))
        }
        DataType::Scalar(of) => single(*of, runtime),
        DataType::Struct(fields) => message(fields, runtime),
    }
}

fn element(element: &Element, runtime: &Path) -> TokenStream {
    match element {
        Element::Scalar(of) => single(*of, runtime),
        Element::Struct(fields) => message(fields, runtime),
    }
}

fn single(of: Scalar, runtime: &Path) -> TokenStream {
    let scalar = scalar(of, runtime);
    quote!(#runtime::message::ColumnType::Scalar(#scalar))
}

fn message(fields: &Struct, runtime: &Path) -> TokenStream {
    let fields = fields.fields.iter().map(|inner| column_schema(inner, runtime));
    quote! {
        #runtime::message::ColumnType::Struct(
            &#runtime::message::MessageSchema { name: "", fields: &[#(#fields),*] }
        )
    }
}

fn scalar(scalar: Scalar, runtime: &Path) -> TokenStream {
    let variant = match scalar {
        Scalar::Binary => quote!(Binary),
        Scalar::Boolean => quote!(Boolean),
        Scalar::Byte => quote!(Byte),
        Scalar::Char(length) => quote!(Char(#length)),
        Scalar::Date => quote!(Date),
        Scalar::Decimal { precision, scale } => quote!(Decimal { precision: #precision, scale: #scale }),
        Scalar::Double => quote!(Double),
        Scalar::Float => quote!(Float),
        Scalar::Int => quote!(Int),
        Scalar::Long => quote!(Long),
        Scalar::Short => quote!(Short),
        Scalar::String => quote!(String),
        Scalar::Timestamp => quote!(Timestamp),
        Scalar::TimestampNtz => quote!(TimestampNtz),
        Scalar::Varchar(length) => quote!(Varchar(#length)),
        Scalar::Variant => quote!(Variant),
    };
    quote!(#runtime::message::Scalar::#variant)
}
