//! The serde attributes of fields. Keys are the columns' own names. Values are written in the forms that the service's
//! JSON path expects, and read leniently.
//!
//! A column that is absent or null is `None` or an empty collection. Values that serde handles itself need no format.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::writer::Writer;
use crate::{DataType, Element, Field, Scalar};

/// How a value is written and read.
enum Format {
    /// By serde's own implementation.
    Plain,
    /// By a type of the runtime; this is the type's path.
    Own(String),
}

impl Writer {
    /// The attribute of a field, if the option `serde` is set and the field needs one.
    pub(super) fn serde_attribute(&self, path: &str, field: &Field, ident: &Ident) -> Option<TokenStream> {
        if !self.serde {
            return None;
        }
        let column = &field.name;
        let written = ident.to_string();
        let renamed = written.strip_prefix("r#").unwrap_or(&written) != column;
        let rename = renamed.then(|| quote! { rename = #column });
        let is_collection = matches!(field.data_type, DataType::Array(_) | DataType::Map(..));
        let is_optional = field.nullable && !is_collection;
        let may_be_absent = is_optional || is_collection && !self.has_extern_type(path);
        let default = may_be_absent.then(|| quote! { default });
        let skip = is_optional.then(|| quote! { skip_serializing_if = "::core::option::Option::is_none" });
        let format = match self.format(path, &field.data_type) {
            Format::Plain => None,
            Format::Own(format) if is_optional => Some(self.generic("Maybe", &[format])),
            Format::Own(format) => Some(format),
        };
        let json = self.json();
        let formatted = format.map(|format| {
            let (write, read) = (format!("{json}::write::<{format}, _, _>"), format!("{json}::read::<{format}, _, _>"));
            quote! { serialize_with = #write, deserialize_with = #read }
        });
        let items: Vec<TokenStream> = [rename, default, skip, formatted].into_iter().flatten().collect();
        (!items.is_empty()).then(|| quote! { #[serde(#(#items),*)] })
    }

    fn format(&self, path: &str, data_type: &DataType) -> Format {
        match data_type {
            _ if self.has_extern_type(path) => Format::Plain,
            DataType::Array(element) => {
                let element = self.element(&format!("{path}.element"), element);
                Format::Own(self.generic("Each", &[self.named(element)]))
            }
            DataType::Map(key, value) => {
                let key = self.scalar_format(&format!("{path}.key"), key.scalar());
                let value = self.element(&format!("{path}.value"), value);
                Format::Own(self.generic("Map", &[self.named(key), self.named(value)]))
            }
            DataType::Scalar(scalar) => self.scalar_format(path, *scalar),
            DataType::Struct(_) => Format::Plain,
        }
    }

    fn element(&self, path: &str, element: &Element) -> Format {
        match element {
            Element::Scalar(scalar) => self.scalar_format(path, *scalar),
            Element::Struct(_) => Format::Plain,
        }
    }

    fn scalar_format(&self, path: &str, scalar: Scalar) -> Format {
        if self.has_extern_type(path) {
            return Format::Plain;
        }
        let value = |name: &str| Format::Own(format!("{}::{name}", path_text(&self.runtime)));
        match scalar {
            Scalar::Binary => Format::Own(format!("{}::Binary", self.json())),
            Scalar::Date => value("Date"),
            Scalar::Decimal { precision, scale } => value(&format!("Decimal<{precision}, {scale}>")),
            Scalar::Double => Format::Own("f64".to_owned()),
            Scalar::Float => Format::Own("f32".to_owned()),
            Scalar::Timestamp => value("Timestamp"),
            Scalar::TimestampNtz => value("TimestampNtz"),
            Scalar::Variant => value("Variant"),
            Scalar::Boolean
            | Scalar::Byte
            | Scalar::Char(_)
            | Scalar::Int
            | Scalar::Long
            | Scalar::Short
            | Scalar::String
            | Scalar::Varchar(_) => Format::Plain,
        }
    }

    fn named(&self, format: Format) -> String {
        match format {
            Format::Own(format) => format,
            Format::Plain => format!("{}::Plain", self.json()),
        }
    }

    fn generic(&self, name: &str, arguments: &[String]) -> String {
        format!("{}::{name}<{}>", self.json(), arguments.join(", "))
    }

    /// The runtime's module of formats.
    fn json(&self) -> String {
        format!("{}::json", path_text(&self.runtime))
    }
}

/// A path as text, without spaces.
fn path_text(path: &TokenStream) -> String {
    path.to_string().replace(' ', "")
}
