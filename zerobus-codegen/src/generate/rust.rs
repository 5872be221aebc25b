//! The Rust files of tables: a struct per table, in modules named after catalog and schema, in one file or one per
//! table.
//!
//! ```text
//! main.geo.earthquakes            pub mod main { pub mod geo { pub struct Earthquakes { … }
//! its column `location STRUCT`        pub mod earthquakes { pub struct Location { … } } } }
//! a struct in `location`              pub mod earthquakes { pub mod location { pub struct … } }
//! ```
//!
//! Tables are generated and written one at a time, so ten thousand tables need no more memory than one.

use std::path::Path;

use quote::quote;

use super::layout::Layout;
use super::paths;
use super::text::{self, Shell};
use super::writer::Writer;
#[cfg(feature = "prost")]
use crate::Flavor;
use crate::output::{Content, Output};
use crate::{Error, Options, Table};

/// The name of the file that a build script writes and `zerobus_runtime::include_tables!()` includes.
pub(crate) const FILE: &str = "zerobus_tables.rs";

/// The Rust file of these tables.
///
/// The text does not depend on the order of the tables. Every path in it is absolute, so it compiles
/// wherever it is included.
///
/// ```
/// # let json = include_str!("../../../examples/quickstart/schemas/main.geo.earthquakes.json");
/// use zerobus_codegen::{Table, TableInfo};
///
/// let info: TableInfo = serde_json::from_str(json)?;
/// let text = zerobus_codegen::rust::file(&[&Table::try_from(&info)?]);
/// assert!(text.contains("pub struct Earthquakes {"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn file(tables: &[&Table]) -> String {
    // Only an option can cause an error, and there is none.
    file_with(tables, &Options::default()).unwrap_or_default()
}

/// The Rust file of these tables with these options.
///
/// ```
/// use zerobus_codegen::Options;
///
/// let mut options = Options::default();
/// options.module = Some("tables".to_owned());
/// assert!(zerobus_codegen::rust::file_with(&[], &options)?.contains("pub mod tables {}"));
/// # Ok::<(), zerobus_codegen::Error>(())
/// ```
///
/// # Errors
/// If the value of an option is not valid Rust of its kind.
pub fn file_with(tables: &[&Table], options: &Options) -> Result<String, Error> {
    let mut text = Text(Vec::new());
    text::with_stack_for(tables, || {
        one_file(tables, options, &mut Files { folder: Path::new(""), output: &mut text })
    })?;
    // Only strings were added.
    Ok(String::from_utf8(text.0).unwrap_or_default())
}

/// One file in memory.
struct Text(Vec<u8>);

impl Output for Text {
    fn file(&mut self, _: &Path, _: Content) -> Result<(), Error> {
        Ok(())
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn abandon(&mut self) {}
}

/// The Rust files in a folder.
struct Files<'a> {
    folder: &'a Path,
    output: &'a mut dyn Output,
}

impl Files<'_> {
    fn begin(&mut self, name: &str) -> Result<(), Error> {
        self.output.file(&self.folder.join(name), Content::Text)
    }

    fn add(&mut self, text: &str) -> Result<(), Error> {
        self.output.add(text.as_bytes())
    }
}

/// Writes every file of these tables with these options.
///
/// # Errors
/// If the value of an option is not valid Rust of its kind, or the output fails.
pub(crate) fn files(tables: &[&Table], options: &Options, folder: &Path, output: &mut dyn Output) -> Result<(), Error> {
    text::with_stack_for(tables, || {
        let mut files = Files { folder, output: &mut *output };
        match options.files.unwrap_or_default() {
            crate::Files::One => one_file(tables, options, &mut files),
            crate::Files::PerTable => a_file_for_each(tables, options, &mut files),
        }
    })
}

fn one_file(tables: &[&Table], options: &Options, files: &mut Files<'_>) -> Result<(), Error> {
    let writer = writer(tables, options)?;
    let layout = Layout::new(tables);
    files.begin(FILE)?;
    files.add(&header(&layout))?;
    modules(&writer, &layout, files, |table, shell| Ok(shell.format(&writer.table(table)?)))
}

/// Writes a file for each table, and the file that includes them all.
fn a_file_for_each(tables: &[&Table], options: &Options, files: &mut Files<'_>) -> Result<(), Error> {
    let writer = writer(tables, options)?;
    let layout = Layout::new(tables);
    for table in layout.tables() {
        files.begin(&format!("{FOLDER}/{}", file_name(table)))?;
        files.add(&header(&Layout::new(&[table])))?;
        files.add(&Shell::outermost().format(&writer.table(table)?))?;
    }
    files.begin(FILE)?;
    files.add(&header(&layout))?;
    modules(&writer, &layout, files, |table, shell| {
        let path = format!("{FOLDER}/{}", file_name(table));
        Ok(shell.format(&quote! { ::core::include!(#path); }))
    })
}

/// The folder with a file for each table.
pub(crate) const FOLDER: &str = "zerobus_tables";

/// The name of a table's file.
fn file_name(table: &Table) -> String {
    format!("{}.rs", super::file_stem(&table.name))
}

fn writer(tables: &[&Table], options: &Options) -> Result<Writer, Error> {
    #[cfg(feature = "prost")]
    if options.flavor == Some(Flavor::Prost) {
        super::prost::check(tables, options)?;
    }
    let writer = Writer::new(options)?;
    paths::check(&writer, tables, options)?;
    check_stamps(tables, options)?;
    Ok(writer)
}

/// Rejects stamped columns that a table does not have, or has with other types.
fn check_stamps(tables: &[&Table], options: &Options) -> Result<(), Error> {
    let of_table = |table: &&Table| options.stamps_of(&table.name).and_then(|columns| columns.check(table).err());
    let problems: Vec<String> = tables.iter().filter_map(of_table).map(|problems| problems.to_string()).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::Option { name: "stamps", reason: problems.join("\n") })
}

/// Opens and closes the modules of catalogs and schemas around each table's items.
fn modules(
    writer: &Writer,
    layout: &Layout<'_>,
    files: &mut Files<'_>,
    table_text: impl Fn(&Table, &Shell) -> Result<String, Error>,
) -> Result<(), Error> {
    let outer = writer.modules().into_iter().fold(Shell::outermost(), |outer, module| outer.inside(module));
    if layout.catalogs.is_empty() {
        return files.add(&outer.empty());
    }
    files.add(outer.opening())?;
    for (catalog, schemas) in &layout.catalogs {
        let catalog = outer.inside(writer.catalog(catalog));
        files.add(catalog.opening_in(&outer))?;
        for (schema, tables) in schemas {
            let schema = catalog.inside(writer.schema(schema));
            files.add(schema.opening_in(&catalog))?;
            for table in tables {
                files.add(&table_text(table, &schema)?)?;
            }
            files.add(schema.closing_in(&catalog))?;
        }
        files.add(catalog.closing_in(&outer))?;
    }
    files.add(outer.closing())
}

fn header(layout: &Layout<'_>) -> String {
    let tables: Vec<&Table> = layout.tables().collect();
    let sources = match tables[..] {
        [table] => table.name.to_string(),
        _ => format!("{} tables", tables.len()),
    };
    format!("// @generated by zerobus-codegen from {sources}; do not edit.\n")
}
