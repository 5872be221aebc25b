//! The comparison of a field with its column, as constants that the compiler evaluates: the field's schema entry, the
//! checks of its type, and the checks of its text lengths.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericParam, Generics};
use zerobus_codegen::{DataType, Element, Field as Column, Scalar, Struct};

use crate::code::{Code, local, out};
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
            quote_spanned!(span=> #runtime::message::FieldType::named(#found, #column, #number))
        }
        Some(expected)
            if field.declared.is_none() && !holds_struct(&expected.data_type) && is_known(message.generics) =>
        {
            column_schema(expected, runtime)
        }
        Some(expected) => {
            let found = found();
            let check = check(field, &found, expected, message);
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
    let (out, start) = (out(), local("start"));
    quote_spanned! {field.ty.span()=>
        let #start = #runtime::Encoder::len(#out);
        #encoding
        #runtime::__private::hold_lengths(#out, #start, #shortest, const {
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
/// A constant outside of an `impl` has neither `Self` nor lifetimes, and the field's type and functions may name both.
/// So an `impl` of the struct has the type of each field, and the constant reads it for `'static`.
///
/// The types of a struct with type or const parameters are known only where it is used; its schema has the check there.
pub(crate) fn checks(fields: &[&Field<'_>], message: &Message<'_>, stamps: &TokenStream) -> TokenStream {
    if !is_known(message.generics) {
        return TokenStream::new();
    }
    let (runtime, ident, generics) = (&message.runtime, message.ident, message.generics);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let own = for_static(message);
    let checks = fields.iter().enumerate().filter_map(|(i, field)| {
        let expected = field.expected.as_ref()?;
        let span = field.ty.span();
        let found = Code::of_field(field, runtime).field_type();
        let trait_path = quote_spanned!(span=> #runtime::__private::Found<#i>);
        let check = check(field, &quote_spanned!(span=> <#own as #trait_path>::TYPE), expected, message);
        Some(quote_spanned! {span=>
            #[automatically_derived]
            impl #impl_generics #trait_path for #ident #type_generics #where_clause {
                const TYPE: #runtime::message::FieldType = #found;
            }
            const _: () = { #check };
        })
    });
    let table = message.table.as_ref().filter(|table| matches!(table, TableAttribute::Constant(_))).map(|table| {
        quote_spanned! {table.span()=>
            const _: () = #runtime::__private::check_table_name(<#own as #runtime::ZerobusMessage>::TABLE);
        }
    });
    quote!(#table #(#checks)* #stamps)
}

/// Statements that panic during constant evaluation if the field does not fit its column.
fn check(field: &Field<'_>, found: &TokenStream, expected: &Column, message: &Message<'_>) -> TokenStream {
    let runtime = &message.runtime;
    let (written, expected) = (written(field), column_schema(expected, runtime));
    let table = match &message.table {
        Some(TableAttribute::Literal(table)) => table.value(),
        Some(TableAttribute::Constant(_)) | None => String::new(),
    };
    // The panic is here and not in a function of the runtime, so the error points at the field.
    let message = local("message");
    quote_spanned! {field.ty.span()=>
        if let ::core::option::Option::Some(#message) = #runtime::__private::mismatch(
            #found,
            &#runtime::__private::Column { schema: #expected, table: #table, field: #written },
        ) {
            ::core::panic!("{}", #runtime::__private::Text::as_str(&#message))
        }
    }
}

/// The struct for `'static`, as a constant outside of it names it.
pub(crate) fn for_static(message: &Message<'_>) -> TokenStream {
    let (ident, generics) = (message.ident, message.generics);
    let lifetimes = generics.lifetimes().map(|_| quote!('static));
    if generics.params.is_empty() { quote!(#ident) } else { quote!(#ident<#(#lifetimes),*>) }
}

/// Whether the field types are known where the struct is defined.
pub(crate) fn is_known(generics: &Generics) -> bool {
    generics.params.iter().all(|parameter| matches!(parameter, GenericParam::Lifetime(_)))
}

/// The field approximately as written: `mag: Option<f64>`.
pub(crate) fn written(field: &Field<'_>) -> String {
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
