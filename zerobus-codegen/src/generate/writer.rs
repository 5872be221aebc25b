//! The writer: the parsed options, and the Rust type of each column under them.

use std::collections::BTreeMap;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;

use crate::options::{covers, innermost, is_same};
use crate::{DataType, Element, Error, Field, Flavor, Options, Scalar, StampedColumns, Struct, TableName, Visibility};

/// The options as tokens.
pub(super) struct Writer {
    pub(super) flavor: Flavor,
    pub(super) runtime: TokenStream,
    /// The derive's option with the path of the runtime, if it is not the default.
    pub(super) renamed: Option<TokenStream>,
    pub(super) visibility: TokenStream,
    /// The modules around everything, outermost first.
    pub(super) modules: Vec<Ident>,
    /// Whether structs derive serde's traits.
    pub(super) serde: bool,
    /// Whether structs have a method to set each field.
    pub(super) setters: bool,
    btree_maps: Vec<String>,
    bytes: Vec<String>,
    derives: Vec<(String, TokenStream)>,
    extern_types: Vec<(String, TokenStream)>,
    stamps: BTreeMap<String, StampedColumns>,
    field_attributes: Vec<(String, TokenStream)>,
    type_attributes: Vec<(String, TokenStream)>,
}

impl Writer {
    /// Parses the options whose values are Rust.
    pub(super) fn new(options: &Options) -> Result<Self, Error> {
        let path = options.runtime.as_deref().map(|path| tokens::<syn::Path>("runtime", path)).transpose()?;
        let modules = match options.module.as_deref() {
            None => Vec::new(),
            Some(text) => {
                let parser = Punctuated::<Ident, syn::Token![::]>::parse_separated_nonempty;
                parser.parse_str(text).map_err(|error| wrong("module", text, &error))?.into_iter().collect()
            }
        };
        let flavor = options.flavor.unwrap_or_default();
        if flavor == Flavor::Prost && !cfg!(feature = "prost") {
            let reason = "the flavor `prost` needs the feature `prost` of zerobus-codegen; enable it".to_owned();
            return Err(Error::Option { name: "flavor", reason });
        }
        Ok(Self {
            flavor,
            renamed: path.as_ref().map(|path| quote! { crate = #path, }),
            runtime: path.unwrap_or_else(|| quote! { ::zerobus_runtime }),
            visibility: match options.visibility.unwrap_or_default() {
                Visibility::Crate => quote! { pub(crate) },
                Visibility::Public => quote! { pub },
            },
            modules,
            serde: options.serde.unwrap_or_default(),
            setters: options.setters.unwrap_or_default(),
            btree_maps: options.btree_maps.clone(),
            bytes: options.bytes.clone(),
            derives: by_path("derives", lists(&options.derives), tokens::<syn::Path>)?,
            extern_types: by_path("extern_types", options.extern_types.iter(), tokens::<syn::Type>)?,
            field_attributes: by_path("field_attributes", lists(&options.field_attributes), attributes)?,
            stamps: options.stamps.clone(),
            type_attributes: by_path("type_attributes", lists(&options.type_attributes), attributes)?,
        })
    }

    pub(super) fn derives(&self, path: &str) -> Vec<&TokenStream> {
        covering(&self.derives, path)
    }

    pub(super) fn field_attributes(&self, path: &str) -> Vec<&TokenStream> {
        covering(&self.field_attributes, path)
    }

    pub(super) fn type_attributes(&self, path: &str) -> Vec<&TokenStream> {
        covering(&self.type_attributes, path)
    }

    /// The columns of this table that the stream fills in, if there are any.
    pub(super) fn stamps_of(&self, table: &TableName) -> Option<&StampedColumns> {
        innermost(&self.stamps, &table.to_string())
    }

    /// The struct to generate for the column at this path; `None` if its type has no struct or the user replaces it.
    pub(super) fn generated_struct<'a>(&self, path: &str, data_type: &'a DataType) -> Option<&'a Struct> {
        let row = holds_struct(data_type)?;
        let inside = match data_type {
            DataType::Array(_) => Some(format!("{path}.element")),
            DataType::Map(..) => Some(format!("{path}.value")),
            DataType::Scalar(_) | DataType::Struct(_) => None,
        };
        let is_own = self.has_extern_type(path) || inside.is_some_and(|inside| self.has_extern_type(&inside));
        (!is_own).then_some(row)
    }

    /// The user's type for the struct of the column at this path.
    pub(super) fn users_struct(&self, path: &str, data_type: &DataType) -> Option<TokenStream> {
        let own = match data_type {
            DataType::Array(Element::Struct(_)) => self.extern_type(&format!("{path}.element")),
            DataType::Map(_, Element::Struct(_)) => self.extern_type(&format!("{path}.value")),
            DataType::Struct(_) => self.extern_type(path),
            DataType::Array(_) | DataType::Map(..) | DataType::Scalar(_) => None,
        };
        own.cloned()
    }

    pub(super) fn is_btree_map(&self, path: &str) -> bool {
        self.btree_maps.iter().any(|of| covers(of, path))
    }

    pub(super) fn is_bytes(&self, path: &str) -> bool {
        self.bytes.iter().any(|of| covers(of, path))
    }

    /// The type of a field; `inside` is the path of its struct.
    pub(super) fn field_type(&self, path: &str, field: &Field, inside: Option<&TokenStream>) -> TokenStream {
        let element = |element: &Element, part: &str| {
            let path = format!("{path}.{part}");
            match element {
                Element::Scalar(scalar) => self.scalar(&path, *scalar),
                Element::Struct(_) => quote! { #inside },
            }
        };
        if let (DataType::Array(_) | DataType::Map(..), Some(own)) = (&field.data_type, self.extern_type(path)) {
            return own.clone();
        }
        let singular = match &field.data_type {
            DataType::Array(inner) => {
                let inner = element(inner, "element");
                return quote! { ::std::vec::Vec<#inner> };
            }
            DataType::Map(key, value) => {
                let (key, value) = (self.scalar(&format!("{path}.key"), key.scalar()), element(value, "value"));
                let map = if self.is_btree_map(path) {
                    quote! { BTreeMap }
                } else {
                    quote! { HashMap }
                };
                return quote! { ::std::collections::#map<#key, #value> };
            }
            DataType::Scalar(scalar) => self.scalar(path, *scalar),
            DataType::Struct(_) => quote! { #inside },
        };
        if field.nullable {
            quote! { ::core::option::Option<#singular> }
        } else {
            singular
        }
    }

    /// Whether the derive needs the column's type: for a user's type, and for text with a maximum length.
    pub(super) fn declares(&self, path: &str, field: &Field) -> bool {
        let of_scalar = |path: &str, scalar: Scalar| {
            matches!(scalar, Scalar::Char(_) | Scalar::Varchar(_)) || self.has_extern_type(path)
        };
        let of_element = |path: &str, element: &Element| match element {
            Element::Scalar(scalar) => of_scalar(path, *scalar),
            Element::Struct(_) => self.has_extern_type(path),
        };
        self.has_extern_type(path)
            || match &field.data_type {
                DataType::Array(element) => of_element(&format!("{path}.element"), element),
                DataType::Map(key, value) => {
                    of_scalar(&format!("{path}.key"), key.scalar()) || of_element(&format!("{path}.value"), value)
                }
                DataType::Scalar(scalar) => of_scalar(path, *scalar),
                DataType::Struct(_) => false,
            }
    }

    /// Whether the user has a type for exactly this place.
    pub(super) fn has_extern_type(&self, path: &str) -> bool {
        self.extern_type(path).is_some()
    }

    /// The user's type for exactly this place.
    fn extern_type(&self, path: &str) -> Option<&TokenStream> {
        self.extern_types.iter().find(|(own, _)| is_same(own, path)).map(|(_, own)| own)
    }

    fn scalar(&self, path: &str, scalar: Scalar) -> TokenStream {
        if let Some(own) = self.extern_type(path) {
            return own.clone();
        }
        let runtime = &self.runtime;
        match scalar {
            Scalar::Binary if self.is_bytes(path) => quote! { ::bytes::Bytes },
            Scalar::Binary => quote! { ::std::vec::Vec<u8> },
            Scalar::Boolean => quote! { bool },
            Scalar::Byte => quote! { i8 },
            Scalar::Char(_) | Scalar::String | Scalar::Varchar(_) => quote! { ::std::string::String },
            Scalar::Date => quote! { #runtime::Date },
            Scalar::Decimal { precision, scale } => {
                let (precision, scale) = (Literal::u8_unsuffixed(precision), Literal::u8_unsuffixed(scale));
                quote! { #runtime::Decimal<#precision, #scale> }
            }
            Scalar::Double => quote! { f64 },
            Scalar::Float => quote! { f32 },
            Scalar::Int => quote! { i32 },
            Scalar::Long => quote! { i64 },
            Scalar::Short => quote! { i16 },
            Scalar::Timestamp => quote! { #runtime::Timestamp },
            Scalar::TimestampNtz => quote! { #runtime::TimestampNtz },
            Scalar::Variant => quote! { #runtime::Variant },
        }
    }
}

pub(super) fn holds_struct(data_type: &DataType) -> Option<&Struct> {
    match data_type {
        DataType::Array(Element::Struct(row)) | DataType::Map(_, Element::Struct(row)) | DataType::Struct(row) => {
            Some(row)
        }
        DataType::Array(_) | DataType::Map(..) | DataType::Scalar(_) => None,
    }
}

fn covering<'a>(by_path: &'a [(String, TokenStream)], place: &str) -> Vec<&'a TokenStream> {
    by_path.iter().filter(|(path, _)| covers(path, place)).map(|(_, tokens)| tokens).collect()
}

fn lists(lists: &std::collections::BTreeMap<String, Vec<String>>) -> impl Iterator<Item = (&String, &String)> {
    lists.iter().flat_map(|(path, texts)| texts.iter().map(move |text| (path, text)))
}

fn by_path<'a>(
    name: &'static str,
    texts: impl Iterator<Item = (&'a String, &'a String)>,
    read: impl Fn(&'static str, &str) -> Result<TokenStream, Error>,
) -> Result<Vec<(String, TokenStream)>, Error> {
    texts.map(|(path, text)| Ok((path.clone(), read(name, text)?))).collect()
}

/// Parses an option's value as Rust of this kind.
fn tokens<T: syn::parse::Parse + quote::ToTokens>(name: &'static str, text: &str) -> Result<TokenStream, Error> {
    let parsed: T = syn::parse_str(text).map_err(|error| wrong(name, text, &error))?;
    Ok(quote! { #parsed })
}

fn attributes(name: &'static str, text: &str) -> Result<TokenStream, Error> {
    let parsed = syn::Attribute::parse_outer.parse_str(text).map_err(|error| wrong(name, text, &error))?;
    Ok(quote! { #(#parsed)* })
}

fn wrong(name: &'static str, text: &str, error: &syn::Error) -> Error {
    Error::Option { name, reason: format!("`{text}` is not valid here: {error}; correct it") }
}
