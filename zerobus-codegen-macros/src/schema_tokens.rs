//! Columns of the table's snapshot as constants of the runtime's schema types.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;
use zerobus_codegen::{DataType, Element, Field as Column, Scalar, Struct};

/// The column as a `FieldSchema`.
pub(crate) fn column_schema(column: &Column, runtime: &Path) -> TokenStream {
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

/// The type of a column as a `ColumnType`.
pub(crate) fn data_type(data_type: &DataType, runtime: &Path) -> TokenStream {
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
