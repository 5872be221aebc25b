//! From `TableInfo` to `Table`: every rule of the service that a schema can break, all problems in one report.

use std::collections::HashSet;

use super::column_source::ColumnSource;
use super::sql_type::{MAX_NESTING, Name, SqlField, SqlType, resolve};
use super::type_json::{self, Metadata, TypeJson};
use super::{
    ColumnInfo, ColumnPath, DataType, Element, Field, MapKey, Note, Printable, Problem, Report, Scalar, Struct, Table,
    TableInfo, TableName, type_text,
};

/// The service's limit of columns in a table.
const MAX_COLUMNS: usize = 2_000;
/// Field numbers that protobuf keeps for itself.
const RESERVED_NUMBERS: std::ops::RangeInclusive<i64> = 19_000..=19_999;
/// The highest field number of protobuf.
const MAX_NUMBER: i64 = (1 << 29) - 1;

impl TryFrom<&TableInfo> for Table {
    type Error = Report;

    /// Checks a table against the rules of the service.
    ///
    /// # Errors
    /// With every problem of the table, each with its column path and what to do about it.
    fn try_from(info: &TableInfo) -> Result<Self, Report> {
        let mut check = Check::default();
        check.kind(info);
        let name = check.table_name(info);
        let row = check.row(info);
        match name {
            Some(name) if check.problems.is_empty() => Ok(Self {
                name,
                comment: info.comment.clone().filter(|comment| !comment.is_empty()),
                row,
                partition_columns: partition_columns(info),
                omitted_columns: check.omitted,
                notes: check.notes,
                warnings: check.warnings,
            }),
            _ => Err(Report { table: info.full_name(), problems: check.problems }),
        }
    }
}

/// What the walk over a table gathers.
#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
    notes: Vec<Note>,
    warnings: Vec<Note>,
    omitted: Vec<String>,
}

impl Check {
    fn problem(&mut self, path: &ColumnPath, found: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::new(path, found, help));
    }

    fn note(&mut self, path: &ColumnPath, text: &str) {
        self.notes.push(Note { path: path.clone(), text: text.to_owned() });
    }

    fn warning(&mut self, path: &ColumnPath, text: impl Into<String>) {
        self.warnings.push(Note { path: path.clone(), text: text.into() });
    }

    fn kind(&mut self, info: &TableInfo) {
        let root = ColumnPath::root();
        let help = "Zerobus writes to managed Delta tables and to streaming tables; name one of these";
        match info.table_type.as_deref().map(str::to_uppercase).as_deref() {
            None | Some("MANAGED" | "STREAMING_TABLE") => {}
            Some(other) => return self.problem(&root, format!("it is of type {other}"), help),
        }
        if let Some(format) = info.data_source_format.as_deref()
            && !format.eq_ignore_ascii_case("delta")
        {
            self.problem(&root, format!("its format is {}", format.to_uppercase()), help);
        }
    }

    fn table_name(&mut self, info: &TableInfo) -> Option<TableName> {
        let root = ColumnPath::root();
        if !info.name.is_empty() && !info.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let found = format!("its name `{}` is not of ASCII letters, digits and _", info.name);
            self.problem(&root, found, "rename the table; Zerobus takes no other names");
            return None;
        }
        TableName::new(&info.catalog_name, &info.schema_name, &info.name)
            .map_err(|error| self.problem(&root, error.to_string(), "fetch the table again"))
            .ok()
    }

    fn row(&mut self, info: &TableInfo) -> Struct {
        let root = ColumnPath::root();
        if info.columns.len() > MAX_COLUMNS {
            let found = format!("it has {} columns, more than {MAX_COLUMNS}", info.columns.len());
            self.problem(&root, found, "split the table, or gather columns into a STRUCT");
        }
        let columns = by_position(info);
        self.positions(&columns);
        self.names(&root, columns.iter().map(|(_, column)| column.name.as_str()));
        let fields: Vec<Field> =
            columns.iter().filter_map(|&(position, column)| self.column(position, column)).collect();
        if fields.is_empty() && self.problems.is_empty() {
            self.problem(&root, "it has no column that a row could carry", "add a column that is not generated");
        }
        Struct { fields }
    }

    fn positions(&mut self, columns: &[(i64, &ColumnInfo)]) {
        for pair in columns.windows(2) {
            if pair[0].0 == pair[1].0 {
                let path = ColumnPath::root().join(&pair[1].1.name);
                let found = format!("position {} is also that of column `{}`", pair[1].0, pair[0].1.name);
                self.problem(&path, found, "fetch the table again");
            }
        }
    }

    /// Names of one level: each well formed, no two the same but for case.
    fn names<'a>(&mut self, parent: &ColumnPath, names: impl Iterator<Item = &'a str>) {
        let mut seen = HashSet::new();
        for name in names {
            let path = parent.join(name);
            if !is_column_name(name) {
                let found = format!("the name `{name}` is not of the form [A-Za-z_][A-Za-z0-9_]*");
                self.problem(&path, found, "rename the column; Zerobus takes no other names");
            } else if !seen.insert(name.to_ascii_lowercase()) {
                let found = format!("the name `{name}` stands twice, without regard to case");
                self.problem(&path, found, "rename one of the two columns");
            }
        }
    }

    fn column(&mut self, position: i64, column: &ColumnInfo) -> Option<Field> {
        let path = ColumnPath::root().join(&column.name);
        let read = self.read_type(&path, column)?;
        if let Some(source) = read.metadata.source.filter(ColumnSource::is_computed) {
            let kind = if matches!(source, ColumnSource::Generated(_)) { "a generated" } else { "an identity" };
            self.note(&path, &format!("left out: the column is {kind} column, the table computes its value"));
            self.omitted.push(column.name.clone());
            return None;
        }
        let (number, data_type) = (self.number(&path, position), self.data_type(&path, &read.sql_type, 0));
        let (number, data_type) = (number?, data_type?);
        let nullable = column.nullable.or(read.nullable).unwrap_or(true);
        let comment = column.comment.clone().filter(|comment| !comment.is_empty()).or(read.metadata.comment);
        let field = Field { name: column.name.clone(), number, data_type, nullable, comment };
        self.note_null_collection(&path, &field);
        Some(field)
    }

    fn number(&mut self, path: &ColumnPath, position: i64) -> Option<i32> {
        let number = position.saturating_add(1);
        if !(1..=MAX_NUMBER).contains(&number) || RESERVED_NUMBERS.contains(&number) {
            let found = format!("position {position} gives field number {number}, which protobuf does not allow");
            self.problem(path, found, "create the table anew, so that its positions have no such gap");
            return None;
        }
        i32::try_from(number).ok()
    }

    /// The column's type; what is lost where `type_json` does not give it is told.
    fn read_type(&mut self, path: &ColumnPath, column: &ColumnInfo) -> Option<TypeJson> {
        let ReadType { read, origin } = read_type(column);
        let read = match read {
            Ok(read) => read,
            Err(found) => {
                self.problem(path, found, "fetch the table again");
                return None;
            }
        };
        match origin {
            Origin::BrokenJson(reason) => {
                let text = format!(
                    "its type_json cannot be read ({reason}), and its type_text is taken: whether the table computes the \
                     column, and NOT NULL of nested fields, is not known; fetch the table again"
                );
                self.warning(path, text);
            }
            Origin::Text if !matches!(read.sql_type, SqlType::Named(_)) => {
                self.note(path, "type_json says nothing, so NOT NULL of nested fields is not known");
            }
            Origin::Json | Origin::Text => {}
        }
        Some(read)
    }

    fn data_type(&mut self, path: &ColumnPath, sql_type: &SqlType, depth: usize) -> Option<DataType> {
        match sql_type {
            SqlType::Array(element) => {
                let path = path.join("element");
                self.element(&path, element, depth + 1, "an ARRAY").map(DataType::Array)
            }
            SqlType::Map(key, value) => {
                let key = self.map_key(&path.join("key"), key);
                let value = self.element(&path.join("value"), value, depth + 1, "a MAP");
                Some(DataType::Map(key?, value?))
            }
            SqlType::Named(name) => self.scalar(path, name).map(DataType::Scalar),
            SqlType::Struct(fields) => self.fields(path, fields, depth + 1).map(DataType::Struct),
        }
    }

    fn element(&mut self, path: &ColumnPath, sql_type: &SqlType, depth: usize, holder: &str) -> Option<Element> {
        match sql_type {
            SqlType::Array(_) | SqlType::Map(..) => {
                let found = format!("{} inside {holder}, which Zerobus does not carry", sql_type.headline());
                self.problem(path, found, "wrap the inner collection in a STRUCT with one field");
                None
            }
            SqlType::Named(name) => self.scalar(path, name).map(Element::Scalar),
            SqlType::Struct(fields) => self.fields(path, fields, depth + 1).map(Element::Struct),
        }
    }

    fn map_key(&mut self, path: &ColumnPath, sql_type: &SqlType) -> Option<MapKey> {
        let key = match sql_type {
            SqlType::Named(name) => MapKey::new(self.scalar(path, name)?),
            _ => None,
        };
        if key.is_none() {
            let found = format!("a MAP's key of type {}, which Zerobus does not carry", sql_type.headline());
            self.problem(path, found, "use a key of an integer type, BOOLEAN or STRING");
        }
        key
    }

    fn scalar(&mut self, path: &ColumnPath, name: &str) -> Option<Scalar> {
        match resolve(name) {
            Name::BadDecimal => {
                let found = format!("type {}, whose digits are out of range", name.to_uppercase());
                self.problem(path, found, "use DECIMAL(p,s) with p from 1 to 38 and s from 0 to p");
                None
            }
            Name::Scalar(scalar) => Some(scalar),
            Name::Unsupported => {
                let found = format!("type {}, which Zerobus does not carry", name.to_uppercase());
                self.problem(path, found, way_out(name));
                None
            }
        }
    }

    fn fields(&mut self, path: &ColumnPath, fields: &[SqlField], depth: usize) -> Option<Struct> {
        if depth > MAX_NESTING {
            let found = format!("it nests deeper than {MAX_NESTING} levels");
            self.problem(path, found, "flatten the column, or store it as a VARIANT");
            return None;
        }
        if fields.is_empty() {
            self.problem(path, "a STRUCT without fields", "give the STRUCT a field, or drop the column");
            return None;
        }
        self.names(path, fields.iter().map(|field| field.name.as_str()));
        let fields: Vec<Option<Field>> =
            (1..).zip(fields).map(|(number, field)| self.field(path, number, field, depth)).collect();
        fields.into_iter().collect::<Option<_>>().map(|fields| Struct { fields })
    }

    fn field(&mut self, parent: &ColumnPath, number: i32, field: &SqlField, depth: usize) -> Option<Field> {
        let path = parent.join(&field.name);
        let data_type = self.data_type(&path, &field.sql_type, depth)?;
        let (name, comment) = (field.name.clone(), field.comment.clone());
        let field = Field { name, number, data_type, nullable: field.nullable, comment };
        self.note_null_collection(&path, &field);
        Some(field)
    }

    fn note_null_collection(&mut self, path: &ColumnPath, field: &Field) {
        if field.nullable && matches!(field.data_type, DataType::Array(_) | DataType::Map(..)) {
            self.note(path, "null and empty are the same on the wire: a null is stored as an empty collection");
        }
    }
}

/// The columns with their positions, which are those of the list where none are given.
pub(crate) fn by_position(info: &TableInfo) -> Vec<(i64, &ColumnInfo)> {
    let mut columns: Vec<_> =
        (0..).zip(&info.columns).map(|(index, column)| (column.position.unwrap_or(index), column)).collect();
    columns.sort_by_key(|&(position, _)| position);
    columns
}

fn partition_columns(info: &TableInfo) -> Vec<String> {
    let mut columns: Vec<_> =
        info.columns.iter().filter_map(|column| Some((column.partition_index?, column.name.clone()))).collect();
    columns.sort();
    columns.into_iter().map(|(_, name)| name).collect()
}

/// What a column's description says of its type.
pub(crate) struct ReadType {
    /// The type, or what was found in its place.
    pub(crate) read: Result<TypeJson, String>,
    origin: Origin,
}

/// Which part of the description gives a type.
enum Origin {
    /// Not `type_json`, which cannot be read, for this reason.
    BrokenJson(String),
    Json,
    /// Not `type_json`, which says nothing.
    Text,
}

/// A column's type: from `type_json`, else from `type_text`, else from `type_name`.
pub(crate) fn read_type(column: &ColumnInfo) -> ReadType {
    let reason = match type_json::parse(column.type_json.as_deref().unwrap_or_default()) {
        Ok(Some(read)) => return ReadType { read: Ok(read), origin: Origin::Json },
        Ok(None) => None,
        Err(reason) => Some(reason),
    };
    let read = match type_of_text(column).or_else(|| type_of_name(column)) {
        Some(Ok(sql_type)) => Ok(TypeJson { sql_type, nullable: None, metadata: Metadata::default() }),
        Some(Err(reason)) => {
            let text = column.type_text.as_deref().unwrap_or_default();
            Err(format!("its type `{text}` cannot be read: {reason}"))
        }
        None => Err(match &reason {
            Some(reason) => format!("its type_json cannot be read: {reason}"),
            None => "none of type_json, type_text and type_name gives its type".to_owned(),
        }),
    };
    ReadType { read, origin: reason.map_or(Origin::Text, Origin::BrokenJson) }
}

fn type_of_text(column: &ColumnInfo) -> Option<Result<SqlType, String>> {
    column.type_text.as_deref().filter(|text| !text.trim().is_empty()).map(type_text::parse)
}

/// `type_name` gives the outermost name alone, so it serves for types without parts.
fn type_of_name(column: &ColumnInfo) -> Option<Result<SqlType, String>> {
    let name = column.type_name.as_deref()?.trim().to_lowercase();
    match (name.as_str(), column.type_precision, column.type_scale) {
        ("" | "array" | "map" | "struct", ..) => None,
        ("decimal", Some(precision), scale) if precision > 0 => {
            Some(Ok(SqlType::named(&format!("decimal({precision},{})", scale.unwrap_or(0)))))
        }
        _ => Some(Ok(SqlType::named(&name))),
    }
}

/// Whether Zerobus writes to a column of this name: `[A-Za-z_][A-Za-z0-9_]*`.
#[must_use]
pub fn is_column_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn way_out(name: &str) -> String {
    let word = name.split([' ', '(']).next().unwrap_or_default();
    match word {
        "geography" | "geometry" => "store it as WKT in a STRING, or as WKB in a BINARY".to_owned(),
        "interval" => "store it as a BIGINT of a unit that you name, or as a STRING".to_owned(),
        "null" | "void" => "give the column a type".to_owned(),
        "time" => "store it as a BIGINT of microseconds since midnight, or as a STRING".to_owned(),
        _ => format!(
            "store `{}` in one of the types that Zerobus carries, for example a STRING or a VARIANT",
            Printable(word)
        ),
    }
}
