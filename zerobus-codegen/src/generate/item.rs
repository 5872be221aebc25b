//! The items of a table: its struct, and a module with the nested structs.
//!
//! An array's struct is named for its column and `Element`, a map's for its column and `Value`.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

#[cfg(feature = "prost")]
use super::column_type::form;
use super::column_type::headline;
use super::comments::markdown;
use super::names::{self, Case, Scope};
use super::text::Module;
use super::writer::Writer;
#[cfg(feature = "prost")]
use crate::Flavor;
use crate::{DataType, Error, Field, Stamp, StampedColumns, Struct, Table};

/// A struct to generate: its name, docs and fields.
struct Item<'a> {
    ident: &'a Ident,
    /// Its full path: `main.geo.earthquakes.location`.
    path: String,
    docs: Vec<String>,
    /// The table's full name, if it is a row.
    table: Option<String>,
    row: &'a Struct,
    /// The columns that the stream fills in, if there are any.
    stamps: Option<&'a StampedColumns>,
    /// The module of its nested structs.
    module: &'a Ident,
}

impl Writer {
    /// The modules around everything, outermost first.
    pub(super) fn modules(&self) -> Vec<Module> {
        let visibility = &self.visibility;
        let documented = |(i, module): (usize, &Ident)| {
            let (docs, skip) = (docs(&["Tables of Unity Catalog.".to_owned()]), (i == 0).then(skip));
            quote! { #docs #skip #visibility mod #module }
        };
        self.modules.iter().enumerate().map(documented).collect()
    }

    /// The module of a catalog.
    pub(super) fn catalog(&self, name: &str) -> Module {
        let (docs, ident, visibility) =
            (docs(&[format!("The catalog `{name}`.")]), names::module(name), &self.visibility);
        let skip = self.modules.is_empty().then(skip);
        quote! {
            #docs
            #[allow(
                dead_code,
                non_camel_case_types,
                unreachable_pub,
                clippy::all,
                clippy::pedantic,
                reason = "generated: a program need not use every table, and names follow the catalog"
            )]
            #skip
            #visibility mod #ident
        }
    }

    /// The module of a schema.
    pub(super) fn schema(&self, name: &str) -> Module {
        let (docs, ident, visibility) =
            (docs(&[format!("The schema `{name}`.")]), names::module(name), &self.visibility);
        quote! { #docs #visibility mod #ident }
    }

    /// The items of a table.
    pub(super) fn table(&self, table: &Table) -> Result<TokenStream, Error> {
        let (ident, module) = (names::table_type(table.name.table()), names::module(table.name.table()));
        let path = table.name.to_string();
        let table_name = Some(path.clone());
        let (docs, stamps) = (table_docs(table), self.stamps_of(&table.name));
        self.item(&Item { ident: &ident, path, docs, table: table_name, row: &table.row, stamps, module: &module })
    }

    fn item(&self, item: &Item<'_>) -> Result<TokenStream, Error> {
        let Item { ident, path, row, module, .. } = item;
        let structs = self.structs(path, row);
        let mut scope = Scope::default();
        let names: Vec<&str> = structs.iter().map(|part| part.name.as_str()).collect();
        let idents = scope.claim_all(Case::UpperCamel, &names);
        let modules = scope.claim_all(Case::Snake, &names);
        let definition = match self.flavor {
            #[cfg(feature = "prost")]
            Flavor::Prost => self.prost_definition(item, &idents)?,
            _ => self.typed_definition(item, &idents),
        };
        let nested = structs.iter().zip(idents.iter().zip(&modules)).map(|(part, (ident, module))| {
            let docs = vec![format!("The struct of the column `{}`.", part.column)];
            self.item(&Item { ident, path: part.path.clone(), docs, table: None, row: part.row, stamps: None, module })
        });
        let nested: Vec<TokenStream> = nested.collect::<Result<_, _>>()?;
        let visibility = &self.visibility;
        let inside = (!structs.is_empty()).then(|| {
            let text = self::docs(&[format!("The structs inside [`{ident}`].")]);
            quote! { #text #visibility mod #module { #(#nested)* } }
        });
        Ok(quote! { #definition #inside })
    }

    fn typed_definition(&self, item: &Item<'_>, structs: &[Ident]) -> TokenStream {
        let Item { ident, path, table, row, stamps, .. } = item;
        let (docs, renamed, visibility) = (docs(&item.docs), &self.renamed, &self.visibility);
        let (derives, attributes) = (self.typed_derives(path, row), self.type_attributes(path));
        let table = table.as_ref().map(|table| quote! { table = #table, });
        let setters = self.setters.then(|| quote! { , setters });
        let inside = self.inside(item, structs);
        let fields = (1..).zip(row.fields.iter().zip(field_idents(row))).zip(inside).map(|((place, field), inside)| {
            let (field, ident) = field;
            let path = format!("{path}.{}", field.name);
            let (docs, field_type) =
                (self::docs(&field_docs(field, "")), self.field_type(&path, field, inside.as_ref()));
            let sql_type = self.declares(&path, field).then(|| declaration(field));
            let stamp = stamps.and_then(|stamps| stamps.stamp_of(&field.name));
            let known = Known { place, sql_type: sql_type.as_deref(), stamp };
            let (options, attributes) = (field_options(field, &ident, &known), self.field_attributes(&path));
            let serde = self.serde_attribute(&path, field, &ident);
            quote! { #docs #options #serde #(#attributes)* #visibility #ident: #field_type, }
        });
        quote! {
            #docs
            #[derive(#(#derives),*)]
            #[zerobus(#table #renamed generated #setters)]
            #(#attributes)*
            #visibility struct #ident { #(#fields)* }
        }
    }

    #[cfg(feature = "prost")]
    fn prost_definition(&self, item: &Item<'_>, structs: &[Ident]) -> Result<TokenStream, Error> {
        let Item { ident, path, table, row, stamps, .. } = item;
        let (fields, inside) = (field_idents(row), self.inside(item, structs));
        let message = super::prost::Message {
            ident,
            path,
            table: table.clone(),
            row,
            stamps: *stamps,
            fields: &fields,
            inside: &inside,
        };
        let (mut definition, implementation) = self.prost_message(&message)?;
        let visibility = &self.visibility;
        let visibility: syn::Visibility = syn::parse_quote!(#visibility);
        definition.vis = visibility.clone();
        for ((field, column), ident) in definition.fields.iter_mut().zip(&row.fields).zip(&fields) {
            let path = format!("{path}.{}", column.name);
            let (docs, attributes) = (docs(&field_docs(column, &form(column))), self.field_attributes(&path));
            let serde = self.serde_attribute(&path, column, ident);
            let own: Vec<syn::Attribute> = syn::parse_quote!(#docs #serde #(#attributes)*);
            field.attrs.splice(0..0, own);
            field.vis = visibility.clone();
        }
        let (docs, attributes) = (docs(&item.docs), self.type_attributes(path));
        let derives = self.prost_derives(path, &definition);
        let derives = (!derives.is_empty()).then(|| quote! { #[derive(#(#derives),*)] });
        Ok(quote! { #docs #derives #(#attributes)* #definition #implementation })
    }

    /// The path of each field's struct, generated or the user's, relative to the row's module.
    fn inside(&self, item: &Item<'_>, structs: &[Ident]) -> Vec<Option<TokenStream>> {
        let (module, mut structs) = (item.module, structs.iter());
        let path = |field: &Field| {
            let path = format!("{}.{}", item.path, field.name);
            let name = self.generated_struct(&path, &field.data_type).and_then(|_| structs.next());
            name.map(|name| quote! { #module::#name }).or_else(|| self.users_struct(&path, &field.data_type))
        };
        item.row.fields.iter().map(path).collect()
    }

    /// The nested structs to generate for a row, in the order of their fields.
    fn structs<'a>(&self, path: &str, row: &'a Struct) -> Vec<Part<'a>> {
        let part = |field: &'a Field| {
            let path = format!("{path}.{}", field.name);
            let row = self.generated_struct(&path, &field.data_type)?;
            let (suffix, place) = match field.data_type {
                DataType::Array(_) => ("_element", ".element"),
                DataType::Map(..) => ("_value", ".value"),
                DataType::Scalar(_) | DataType::Struct(_) => ("", ""),
            };
            let (name, path) = (format!("{}{suffix}", field.name), format!("{path}{place}"));
            Some(Part { name, column: &field.name, path, row })
        };
        row.fields.iter().filter_map(part).collect()
    }
}

/// A nested struct.
struct Part<'a> {
    /// The name that its Rust name is derived from.
    name: String,
    column: &'a str,
    path: String,
    row: &'a Struct,
}

/// Keeps rustfmt from changing the file, so that `check` does not report it as different.
fn skip() -> TokenStream {
    quote! { #[rustfmt::skip] }
}

/// The names of a row's fields.
fn field_idents(row: &Struct) -> Vec<Ident> {
    let names: Vec<&str> = row.fields.iter().map(|field| field.name.as_str()).collect();
    Scope::default().claim_all(Case::Snake, &names)
}

/// The facts about a field that go into the derive's attributes.
struct Known<'a> {
    /// The number that the field would have by its position.
    place: i32,
    sql_type: Option<&'a str>,
    stamp: Option<Stamp>,
}

fn field_options(field: &Field, ident: &Ident, known: &Known<'_>) -> Option<TokenStream> {
    let written = ident.to_string();
    let (column, number) = (&field.name, Literal::i32_unsuffixed(field.number));
    let is_named = written.strip_prefix("r#").unwrap_or(&written) == column;
    let name = (!is_named).then(|| quote! { name = #column });
    let number = (field.number != known.place).then(|| quote! { number = #number });
    let sql_type = known.sql_type.map(|sql_type| quote! { type = #sql_type });
    let stamp = known.stamp.map(|stamp| {
        let stamp = stamp.name();
        quote! { stamp = #stamp }
    });
    let options: Vec<TokenStream> = [name, number, sql_type, stamp].into_iter().flatten().collect();
    (!options.is_empty()).then(|| quote! { #[zerobus(#(#options),*)] })
}

/// The column's type for the derive, which checks the field against it.
fn declaration(field: &Field) -> String {
    let not_null = if field.nullable { "" } else { " NOT NULL" };
    format!("{}{not_null}", field.data_type)
}

fn table_docs(table: &Table) -> Vec<String> {
    let mut docs = vec![format!("A row of the table `{}`.", table.name)];
    if let Some(comment) = &table.comment {
        docs.push(String::new());
        docs.extend(markdown(comment));
    }
    if !table.omitted_columns.is_empty() {
        let names: Vec<String> = table.omitted_columns.iter().map(|name| format!("`{name}`")).collect();
        docs.extend([String::new(), format!("The table itself computes {}.", names.join(", "))]);
    }
    docs
}

/// The docs of a field: the column's comment and type, and the meaning of its values if the Rust type does not show it.
fn field_docs(field: &Field, form: &str) -> Vec<String> {
    let column = format!("`{}`: `{}`{form}", field.name, headline(field));
    match field.comment.as_deref().map(markdown) {
        Some(mut docs) if !docs.is_empty() => {
            docs.extend([String::new(), column]);
            docs
        }
        _ => vec![column],
    }
}

fn docs(lines: &[String]) -> TokenStream {
    let lines = lines.iter().map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
    quote! { #(#[doc = #lines])* }
}
