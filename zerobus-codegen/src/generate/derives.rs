//! The traits that generated structs derive: those that all of their fields implement, and those from options.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;

use super::writer::Writer;
use crate::{DataType, Element, Scalar, Struct};

/// The derives that the fields of a struct allow.
#[derive(Clone, Copy)]
struct Allowed {
    default: bool,
    eq: bool,
    hash: bool,
}

impl Allowed {
    const ALL: Self = Self { default: true, eq: true, hash: true };
    /// For a user's type: nothing is known about it.
    const NOTHING: Self = Self { default: false, eq: false, hash: false };

    const fn and(self, other: Self) -> Self {
        Self { default: self.default && other.default, eq: self.eq && other.eq, hash: self.hash && other.hash }
    }
}

impl Writer {
    /// The derives of a struct of the typed flavor.
    pub(super) fn typed_derives(&self, path: &str, row: &Struct) -> Vec<TokenStream> {
        let allowed = self.of_struct(path, row);
        let runtime = &self.runtime;
        let own = [
            ("Clone", true, quote! { ::core::clone::Clone }),
            ("Debug", true, quote! { ::core::fmt::Debug }),
            ("Default", allowed.default, quote! { ::core::default::Default }),
            ("PartialEq", true, quote! { ::core::cmp::PartialEq }),
            ("Eq", allowed.eq, quote! { ::core::cmp::Eq }),
            ("Hash", allowed.hash, quote! { ::core::hash::Hash }),
            ("ZerobusMessage", true, quote! { #runtime::ZerobusMessage }),
        ];
        let users = self.users_derives(path);
        let has = |name: &str| users.iter().any(|(found, _)| found == name);
        let own = own.into_iter().filter(|(name, allowed, _)| *allowed && !has(name)).map(|(_, _, derive)| derive);
        own.chain(self.further_derives(path)).collect()
    }

    /// The derives of a struct of the prost flavor, in addition to those from prost-build.
    #[cfg(feature = "prost")]
    pub(super) fn prost_derives(&self, path: &str, item: &syn::ItemStruct) -> Vec<TokenStream> {
        // Deriving `prost::Message` also implements `Debug` and `Default`.
        let mut taken: Vec<String> = ["Debug", "Default"].map(str::to_owned).into();
        taken.extend(item.attrs.iter().flat_map(derived).map(|(name, _)| name));
        let further = self.further_derives(path).into_iter();
        further.filter(|derive| last_segment(derive).is_none_or(|name| !taken.contains(&name))).collect()
    }

    /// The derives from options: serde's, and those that the user names.
    fn further_derives(&self, path: &str) -> Vec<TokenStream> {
        let named: Vec<TokenStream> = self.derives(path).into_iter().cloned().collect();
        let has = |name: &str| self.users_derives(path).iter().any(|(found, _)| found == name);
        let serde = [("Serialize", quote! { ::serde::Serialize }), ("Deserialize", quote! { ::serde::Deserialize })];
        let serde = serde.into_iter().filter(|(name, _)| self.serde && !has(name)).map(|(_, derive)| derive);
        serde.chain(named).collect()
    }

    /// The derives that the user names, in `derives` or in a derive attribute.
    fn users_derives(&self, path: &str) -> Vec<(String, TokenStream)> {
        let named = self.derives(path).into_iter();
        let named = named.filter_map(|derive| Some((last_segment(derive)?, derive.clone())));
        let attributes = self.type_attributes(path).into_iter();
        let attributes = attributes
            .filter_map(|tokens| syn::Attribute::parse_outer.parse2(tokens.clone()).ok())
            .flat_map(|attributes| attributes.iter().flat_map(derived).collect::<Vec<_>>());
        named.chain(attributes).collect()
    }

    fn of_struct(&self, path: &str, row: &Struct) -> Allowed {
        let of_field = |field: &crate::Field| {
            let path = format!("{path}.{}", field.name);
            match &field.data_type {
                DataType::Array(_) | DataType::Map(..) if self.has_extern_type(&path) => return Allowed::NOTHING,
                DataType::Array(element) => self.of_element(&format!("{path}.element"), element),
                DataType::Map(key, value) => {
                    let key = self.of_scalar(&format!("{path}.key"), key.scalar());
                    let value = self.of_element(&format!("{path}.value"), value);
                    let map = Allowed { hash: self.is_btree_map(&path), ..Allowed::ALL };
                    // An empty collection needs no default for its keys and values.
                    Allowed { default: true, ..key.and(value).and(map) }
                }
                DataType::Scalar(scalar) => self.of_scalar(&path, *scalar),
                DataType::Struct(row) => self.of_inner(&path, row),
            }
            .for_presence(field)
        };
        row.fields.iter().map(of_field).fold(Allowed::ALL, Allowed::and)
    }

    fn of_element(&self, path: &str, element: &Element) -> Allowed {
        match element {
            Element::Scalar(scalar) => self.of_scalar(path, *scalar),
            Element::Struct(row) => self.of_inner(path, row),
        }
    }

    fn of_inner(&self, path: &str, row: &Struct) -> Allowed {
        if self.has_extern_type(path) { Allowed::NOTHING } else { self.of_struct(path, row) }
    }

    fn of_scalar(&self, path: &str, scalar: Scalar) -> Allowed {
        match scalar {
            _ if self.has_extern_type(path) => Allowed::NOTHING,
            Scalar::Double | Scalar::Float => Allowed { eq: false, hash: false, ..Allowed::ALL },
            _ => Allowed::ALL,
        }
    }
}

impl Allowed {
    /// A field that can be `None` or an empty collection needs no default for its content.
    fn for_presence(self, field: &crate::Field) -> Self {
        let is_empty = field.nullable || matches!(field.data_type, DataType::Array(_) | DataType::Map(..));
        Self { default: self.default || is_empty, ..self }
    }
}

/// The derives of an attribute, if it is a `#[derive(…)]`.
fn derived(attribute: &syn::Attribute) -> Vec<(String, TokenStream)> {
    if !attribute.path().is_ident("derive") {
        return Vec::new();
    }
    let paths = attribute.parse_args_with(Punctuated::<syn::Path, syn::Token![,]>::parse_terminated);
    let paths = paths.into_iter().flatten().map(|path| quote! { #path });
    paths.filter_map(|path| Some((last_segment(&path)?, path))).collect()
}

fn last_segment(path: &TokenStream) -> Option<String> {
    let path: syn::Path = syn::parse2(path.clone()).ok()?;
    path.segments.last().map(|segment| segment.ident.to_string())
}
