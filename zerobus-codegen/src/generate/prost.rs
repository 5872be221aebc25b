//! The prost flavor: each struct as prost-build generates it, with a `ZerobusMessage` implementation.
//!
//! prost-build gets one message at a time, with placeholder names and with nested structs as external types. So
//! modules, names, docs and options are the same as in the typed flavor.

use proc_macro2::{Ident, Literal, TokenStream};
use prost_build::Module;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, MessageOptions};
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;

use super::writer::{Writer, holds_struct};
use crate::options::is_same;
use crate::{DataType, Element, Error, Field, Options, Scalar, StampedColumns, Struct, Table};

/// The names of the package and the message that prost-build gets, and of the package of nested structs.
const PACKAGE: &str = "p";
const MESSAGE: &str = "M";
const ELSEWHERE: &str = "e";

/// A struct to generate.
pub(super) struct Message<'a> {
    pub(super) ident: &'a Ident,
    pub(super) path: &'a str,
    /// The full name of the table, if it is a row.
    pub(super) table: Option<String>,
    pub(super) row: &'a Struct,
    /// The columns that the stream fills in, if there are any.
    pub(super) stamps: Option<&'a StampedColumns>,
    /// The fields' names.
    pub(super) fields: &'a [Ident],
    /// The path of each field's struct, if it holds one.
    pub(super) inside: &'a [Option<TokenStream>],
}

/// Rejects extern types for single values, which prost-build does not support.
pub(super) fn check(tables: &[&Table], options: &Options) -> Result<(), Error> {
    let own = |path: &str| options.extern_types.keys().any(|own| is_same(own, path));
    match tables.iter().find_map(|table| scalar_of_the_users(&table.name.to_string(), &table.row, &own)) {
        None => Ok(()),
        Some(path) => {
            let reason =
                format!("{path} is not a STRUCT, and the prost flavor can replace only a STRUCT; remove the entry");
            Err(Error::Option { name: "extern_types", reason })
        }
    }
}

fn scalar_of_the_users(path: &str, row: &Struct, own: &dyn Fn(&str) -> bool) -> Option<String> {
    row.fields.iter().find_map(|field| {
        let path = format!("{path}.{}", field.name);
        let is_struct = matches!(field.data_type, DataType::Struct(_));
        let place = match &field.data_type {
            DataType::Array(_) => format!("{path}.element"),
            DataType::Map(..) => format!("{path}.value"),
            DataType::Scalar(_) | DataType::Struct(_) => path.clone(),
        };
        match holds_struct(&field.data_type) {
            Some(row) => scalar_of_the_users(&place, row, own),
            None => Some(place).filter(|place| own(place)),
        }
        .or_else(|| [format!("{path}.key"), path].into_iter().find(|path| !is_struct && own(path)))
    })
}

impl Writer {
    /// The struct without its docs and attributes, and its implementation of `ZerobusMessage`.
    pub(super) fn prost_message(&self, message: &Message<'_>) -> Result<(syn::ItemStruct, TokenStream), Error> {
        let mut item = self.prost_struct(message)?;
        item.ident = message.ident.clone();
        for (field, ident) in item.fields.iter_mut().zip(message.fields) {
            field.ident = Some(ident.clone());
            field.attrs.retain(|attribute| !attribute.path().is_ident("doc"));
        }
        Ok((item, self.implementation(message)))
    }

    fn prost_struct(&self, message: &Message<'_>) -> Result<syn::ItemStruct, Error> {
        let mut config = prost_build::Config::new();
        let mut descriptor = DescriptorProto { name: Some(MESSAGE.to_owned()), ..Default::default() };
        let mut elsewhere = Vec::new();
        for (place, (field, inside)) in message.row.fields.iter().zip(message.inside).enumerate() {
            let (name, path) = (format!("f{place}"), format!("{}.{}", message.path, field.name));
            if self.is_btree_map(&path) {
                config.btree_map([format!(".{PACKAGE}.{MESSAGE}.{name}")]);
            }
            if self.is_bytes(&path) {
                config.bytes([format!(".{PACKAGE}.{MESSAGE}.{name}")]);
            }
            if let Some(inside) = inside {
                config.extern_path(format!(".{ELSEWHERE}.{name}"), inside.to_string().replace(' ', ""));
                elsewhere.push(self.stand_in(&path, field, &name));
            }
            add_field(&mut descriptor, field, &name);
        }
        let module = Module::from_protobuf_package_name(PACKAGE);
        let requests = vec![
            (module.clone(), file(PACKAGE, vec![descriptor])),
            (Module::from_protobuf_package_name(ELSEWHERE), file(ELSEWHERE, elsewhere)),
        ];
        let text = config.generate(requests).ok().and_then(|mut text| text.remove(&module));
        let file = syn::parse_file(&text.unwrap_or_default()).ok();
        let item = file.and_then(|file| file.items.into_iter().next());
        match item {
            Some(syn::Item::Struct(item)) => Ok(item),
            _ => Err(Error::Option {
                name: "flavor",
                reason: format!("prost-build does not generate a struct for {}; use the typed flavor", message.path),
            }),
        }
    }

    /// A message in place of a nested struct, so that prost-build derives for the outer struct what the nested one
    /// allows.
    fn stand_in(&self, path: &str, field: &Field, name: &str) -> DescriptorProto {
        let generated = self.generated_struct(path, &field.data_type);
        let (copy, eq) = (generated.is_some_and(is_copy), generated.is_some_and(is_eq));
        let string = (!copy).then_some(Scalar::String);
        let double = (!eq).then_some(Scalar::Double);
        let scalars = (1..).zip(string.into_iter().chain(double));
        let fields = scalars.map(|(number, scalar)| {
            proto_field(&format!("f{number}"), number, Label::Optional, (scalar.wire_type(), None))
        });
        DescriptorProto { name: Some(name.to_owned()), field: fields.collect(), ..Default::default() }
    }

    fn implementation(&self, message: &Message<'_>) -> TokenStream {
        let (runtime, ident) = (&self.runtime, message.ident);
        let table = message.table.as_ref().map(|table| {
            quote! { const TABLE: ::core::option::Option<&'static str> = ::core::option::Option::Some(#table); }
        });
        let name = message
            .table
            .as_ref()
            .map_or_else(|| ident.to_string(), |table| crate::type_name(table.rsplit('.').next().unwrap_or_default()));
        let fields = message.row.fields.iter().zip(message.inside).map(|(field, inside)| {
            let (name, number) = (&field.name, Literal::i32_unsuffixed(field.number));
            let column_type = self.column_type(&field.data_type, inside.as_ref());
            let presence = match (&field.data_type, field.nullable) {
                (DataType::Array(_) | DataType::Map(..), _) => quote! { Repeated },
                (_, true) => quote! { Optional },
                (_, false) => quote! { Required },
            };
            quote! {
                FieldSchema { name: #name, number: #number, column_type: #column_type, presence: Presence::#presence }
            }
        });
        let stamps = message.stamps.map(|stamps| {
            let columns = message.row.fields.iter().filter_map(|Field { name, .. }| {
                let stamp = format_ident!("{}", stamps.stamp_of(name)?.name());
                Some(quote! { #stamp: #name })
            });
            quote! {
                const STAMPS: ::core::option::Option<#runtime::message::Stamps> =
                    ::core::option::Option::Some(#runtime::message::Stamps { #(#columns),* });
            }
        });
        let visibility = &self.visibility;
        let names = message.row.fields.iter().zip(message.fields).map(|(field, ident)| {
            let (constant, column) =
                (format_ident!("COLUMN_{}", ident.unraw().to_string().to_uppercase()), &field.name);
            quote! { #visibility const #constant: &'static str = #column; }
        });
        let holders = message.inside.iter().flatten();
        let encoding = if has_limits(message.row) {
            quote! {
                let start = out.len();
                out.prost(self);
                #runtime::__private::hold_row(out, start, Self::SCHEMA);
            }
        } else {
            quote! { out.prost(self); }
        };
        quote! {
            #[allow(missing_docs, reason = "a name's value says it all")]
            impl #ident { #(#names)* }

            impl #runtime::ZerobusMessage for #ident {
                #table
                #stamps
                const SCHEMA: &'static #runtime::message::MessageSchema = {
                    #[allow(unused_imports, reason = "not every struct has fields of every kind")]
                    use #runtime::message::{ColumnType, FieldSchema, MessageSchema, Presence, Scalar};
                    &MessageSchema { name: #name, fields: &[#(#fields),*] }
                };

                const IS_PLAIN: bool = true #(&& <#holders as #runtime::ZerobusMessage>::IS_PLAIN)*;

                fn encode_to(&self, out: &mut #runtime::Encoder) {
                    #encoding
                }
            }
        }
    }

    fn column_type(&self, data_type: &DataType, inside: Option<&TokenStream>) -> TokenStream {
        let runtime = &self.runtime;
        let of_struct = || quote! { ColumnType::Struct(<#inside as #runtime::ZerobusMessage>::SCHEMA) };
        let of_scalar = |scalar: Scalar| {
            let scalar = scalar_constant(scalar);
            quote! { ColumnType::Scalar(#scalar) }
        };
        let of_element = |element: &Element| match element {
            Element::Scalar(scalar) => of_scalar(*scalar),
            Element::Struct(_) => of_struct(),
        };
        match data_type {
            DataType::Array(element) => {
                let element = of_element(element);
                quote! { ColumnType::Array(&#element) }
            }
            DataType::Map(key, value) => {
                let (key, value) = (scalar_constant(key.scalar()), of_element(value));
                quote! { ColumnType::Map(#key, &#value) }
            }
            DataType::Scalar(scalar) => of_scalar(*scalar),
            DataType::Struct(_) => of_struct(),
        }
    }
}

/// Whether the protobuf types have values that the columns do not accept.
fn has_limits(row: &Struct) -> bool {
    let of_scalar = |scalar: Scalar| match scalar {
        Scalar::Byte
        | Scalar::Char(_)
        | Scalar::Date
        | Scalar::Decimal { .. }
        | Scalar::Short
        | Scalar::Timestamp
        | Scalar::TimestampNtz
        | Scalar::Varchar(_)
        | Scalar::Variant => true,
        Scalar::Binary
        | Scalar::Boolean
        | Scalar::Double
        | Scalar::Float
        | Scalar::Int
        | Scalar::Long
        | Scalar::String => false,
    };
    let of_element = |element: &Element| match element {
        Element::Scalar(scalar) => of_scalar(*scalar),
        Element::Struct(row) => has_limits(row),
    };
    row.fields.iter().any(|field| match &field.data_type {
        DataType::Array(element) => of_element(element),
        DataType::Map(key, value) => of_scalar(key.scalar()) || of_element(value),
        DataType::Scalar(scalar) => of_scalar(*scalar),
        DataType::Struct(row) => has_limits(row),
    })
}

fn scalar_constant(scalar: Scalar) -> TokenStream {
    match scalar {
        Scalar::Char(length) => {
            let length = Literal::u32_unsuffixed(length);
            quote! { Scalar::Char(#length) }
        }
        Scalar::Decimal { precision, scale } => {
            let (precision, scale) = (Literal::u8_unsuffixed(precision), Literal::u8_unsuffixed(scale));
            quote! { Scalar::Decimal { precision: #precision, scale: #scale } }
        }
        Scalar::Varchar(length) => {
            let length = Literal::u32_unsuffixed(length);
            quote! { Scalar::Varchar(#length) }
        }
        // Every other constant has the name of its variant.
        other => {
            let variant = format_ident!("{other:?}");
            quote! { Scalar::#variant }
        }
    }
}

fn file(package: &str, message_type: Vec<DescriptorProto>) -> FileDescriptorProto {
    FileDescriptorProto { package: Some(package.to_owned()), message_type, ..Default::default() }
}

/// Whether prost-build derives `Copy` for the struct.
fn is_copy(row: &Struct) -> bool {
    row.fields.iter().all(|field| match &field.data_type {
        DataType::Array(_) | DataType::Map(..) => false,
        DataType::Scalar(scalar) => !matches!(scalar.wire_type(), Type::Bytes | Type::String),
        DataType::Struct(row) => is_copy(row),
    })
}

/// Whether prost-build derives `Eq` and `Hash` for the struct.
fn is_eq(row: &Struct) -> bool {
    row.fields.iter().all(|field| match &field.data_type {
        DataType::Array(Element::Scalar(scalar)) | DataType::Scalar(scalar) => {
            !matches!(scalar.wire_type(), Type::Double | Type::Float)
        }
        DataType::Array(Element::Struct(_)) | DataType::Map(..) => false,
        DataType::Struct(row) => is_eq(row),
    })
}

/// Adds a field, and the entry message if it is a map.
fn add_field(message: &mut DescriptorProto, field: &Field, name: &str) {
    let inside = || (Type::Message, Some(format!(".{ELSEWHERE}.{name}")));
    let of = |element: &Element| match element {
        Element::Scalar(scalar) => (scalar.wire_type(), None),
        Element::Struct(_) => inside(),
    };
    let singular = if field.nullable { Label::Optional } else { Label::Required };
    let (label, (wire_type, type_name)) = match &field.data_type {
        DataType::Array(element) => (Label::Repeated, of(element)),
        DataType::Map(key, value) => {
            let entry = format!("E{name}");
            let parts = vec![
                proto_field("key", 1, Label::Optional, (key.scalar().wire_type(), None)),
                proto_field("value", 2, Label::Optional, of(value)),
            ];
            let options = Some(MessageOptions { map_entry: Some(true), ..Default::default() });
            let type_name = format!(".{PACKAGE}.{MESSAGE}.{entry}");
            let entry = DescriptorProto { name: Some(entry), field: parts, options, ..Default::default() };
            message.nested_type.push(entry);
            (Label::Repeated, (Type::Message, Some(type_name)))
        }
        DataType::Scalar(scalar) => (singular, (scalar.wire_type(), None)),
        DataType::Struct(_) => (singular, inside()),
    };
    message.field.push(proto_field(name, field.number, label, (wire_type, type_name)));
}

fn proto_field(
    name: &str,
    number: i32,
    label: Label,
    (wire_type, type_name): (Type, Option<String>),
) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(label.into()),
        r#type: Some(wire_type.into()),
        type_name,
        ..Default::default()
    }
}
