//! Matches the paths of options against the tables; each must match something.
//!
//! | option | what its paths match |
//! |---|---|
//! | `btree_maps` | MAP columns |
//! | `bytes` | BINARY columns, elements, keys and values |
//! | `derives`, `type_attributes` | generated structs |
//! | `extern_types` | exactly one column, element, key or value |
//! | `field_attributes` | fields of generated structs |
//! | `stamps` | tables |

use super::writer::Writer;
use crate::options::{covers, is_same};
use crate::{DataType, Element, Error, Options, Scalar, Struct, Table, UnmatchedPath, likely};

/// What an option's path can match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Binary,
    Field,
    Map,
    Struct,
    Table,
    Value,
}

/// An option's path, and whether it has matched something.
struct Entry<'a> {
    option: &'static str,
    path: &'a String,
    kind: Kind,
    is_matched: bool,
}

/// Refuses paths that match nothing in these tables.
pub(super) fn check(writer: &Writer, tables: &[&Table], options: &Options) -> Result<(), Error> {
    let mut entries = entries(options);
    if entries.is_empty() {
        return Ok(());
    }
    let mut matching = |kind, place: &str| {
        for entry in entries.iter_mut().filter(|entry| entry.kind == kind && !entry.is_matched) {
            entry.is_matched = match kind {
                Kind::Value => is_same(entry.path, place),
                _ => covers(entry.path, place),
            };
        }
    };
    walk(writer, tables, &mut matching);
    entries.retain(|entry| !entry.is_matched);
    if entries.is_empty() {
        return Ok(());
    }
    Err(Error::Unmatched(entries.iter().map(|entry| unmatched(entry, writer, tables)).collect()))
}

/// Every path of the options except `.`, which matches everything.
fn entries(options: &Options) -> Vec<Entry<'_>> {
    let Options { btree_maps, bytes, derives, extern_types, field_attributes, stamps, type_attributes, .. } = options;
    let of = |option, kind| move |path| Entry { option, path, kind, is_matched: false };
    let all = btree_maps.iter().map(of("btree_maps", Kind::Map));
    let all = all.chain(bytes.iter().map(of("bytes", Kind::Binary)));
    let all = all.chain(derives.keys().map(of("derives", Kind::Struct)));
    let all = all.chain(extern_types.keys().map(of("extern_types", Kind::Value)));
    let all = all.chain(field_attributes.keys().map(of("field_attributes", Kind::Field)));
    let all = all.chain(stamps.keys().map(of("stamps", Kind::Table)));
    let all = all.chain(type_attributes.keys().map(of("type_attributes", Kind::Struct)));
    all.filter(|entry| entry.path != ".").collect()
}

fn unmatched(entry: &Entry<'_>, writer: &Writer, tables: &[&Table]) -> UnmatchedPath {
    let mut likely = None;
    let mut look = |kind, place: &str| {
        if kind == entry.kind && likely.is_none() {
            likely = likely_beginning(entry, place);
        }
    };
    walk(writer, tables, &mut look);
    let wanted = match entry.kind {
        Kind::Binary => "BINARY column",
        Kind::Field => "field",
        Kind::Map => "MAP column",
        Kind::Struct => "struct",
        Kind::Table => "table",
        Kind::Value => "column, element, key or value",
    };
    UnmatchedPath { option: entry.option, path: entry.path.clone(), wanted, likely }
}

/// The place, or a prefix of it, if the entry's path differs from it by one misspelled name.
fn likely_beginning(entry: &Entry<'_>, place: &str) -> Option<String> {
    let names: Vec<&str> = entry.path.split('.').collect();
    let mut ends = place.match_indices('.').map(|(end, _)| end).chain([place.len()]);
    let beginning = place.get(..ends.nth(names.len() - 1)?)?;
    if entry.kind == Kind::Value && beginning != place {
        return None;
    }
    let mut others = names.into_iter().zip(beginning.split('.')).filter(|(name, found)| !is_same(name, found));
    let (name, found) = others.next()?;
    (others.next().is_none() && likely(name, [found]).is_some()).then(|| beginning.to_owned())
}

/// Called with each place and its kind.
type Visit<'a> = dyn FnMut(Kind, &str) + 'a;

fn walk(writer: &Writer, tables: &[&Table], visit: &mut Visit<'_>) {
    for table in tables {
        let path = table.name.to_string();
        visit(Kind::Table, &path);
        row(writer, &path, &table.row, visit);
    }
}

fn row(writer: &Writer, path: &str, row: &Struct, visit: &mut Visit<'_>) {
    visit(Kind::Struct, path);
    for field in &row.fields {
        let path = format!("{path}.{}", field.name);
        visit(Kind::Field, &path);
        match &field.data_type {
            DataType::Array(inner) => {
                visit(Kind::Value, &path);
                if !writer.has_extern_type(&path) {
                    element(writer, &format!("{path}.element"), inner, visit);
                }
            }
            DataType::Map(key, value) => {
                visit(Kind::Value, &path);
                if !writer.has_extern_type(&path) {
                    visit(Kind::Map, &path);
                    scalar(writer, &format!("{path}.key"), key.scalar(), visit);
                    element(writer, &format!("{path}.value"), value, visit);
                }
            }
            DataType::Scalar(of) => scalar(writer, &path, *of, visit),
            DataType::Struct(fields) => inner(writer, &path, fields, visit),
        }
    }
}

fn element(writer: &Writer, path: &str, element: &Element, visit: &mut Visit<'_>) {
    match element {
        Element::Scalar(of) => scalar(writer, path, *of, visit),
        Element::Struct(fields) => inner(writer, path, fields, visit),
    }
}

fn inner(writer: &Writer, path: &str, fields: &Struct, visit: &mut Visit<'_>) {
    visit(Kind::Value, path);
    if !writer.has_extern_type(path) {
        row(writer, path, fields, visit);
    }
}

fn scalar(writer: &Writer, path: &str, scalar: Scalar, visit: &mut Visit<'_>) {
    visit(Kind::Value, path);
    if scalar == Scalar::Binary && !writer.has_extern_type(path) {
        visit(Kind::Binary, path);
    }
}
