//! Checks a `TableInfo` and makes a `Table`: every rule of the service that a schema can break, with all problems in
//! one report.

use std::collections::HashSet;

use super::column_source::ColumnSource;
use super::column_type::{Origin, ReadType, read_type};
use super::conflicts;
use super::skip::{Skip, TableSkip};
use super::sql_type::{MAX_NESTING, Name, SqlField, SqlType, resolve};
use super::type_json::TypeJson;
use super::type_text;
use super::{
    ColumnInfo, ColumnPath, DataType, Element, Field, MapKey, Note, Obstacle, Printable, Problem, Report, Scalar,
    Struct, Table, TableInfo, TableName, likely,
};

/// The service's limit for the columns of a table.
const MAX_COLUMNS: usize = 2_000;
/// Field numbers that protobuf keeps for itself.
const RESERVED_NUMBERS: std::ops::RangeInclusive<i64> = 19_000..=19_999;
/// The first number that a STRUCT's field cannot have; fields are numbered from 1 without gaps.
const FIRST_RESERVED: i32 = 19_000;
/// The highest field number of protobuf.
const MAX_NUMBER: i64 = (1 << 29) - 1;

impl TryFrom<&TableInfo> for Table {
    type Error = Report;

    /// Checks a table against the rules of the service.
    ///
    /// # Errors
    /// With every problem of the table, each with its column path and remedy.
    fn try_from(info: &TableInfo) -> Result<Self, Report> {
        Self::check(info, &Skip::default())
    }
}

impl Table {
    /// Checks a table against the rules of the service, without the columns of `skip`.
    ///
    /// # Errors
    /// With every problem of the table, each with its column path and remedy.
    pub fn check(info: &TableInfo, skip: &Skip) -> Result<Self, Report> {
        let mut check = Check::new(skip.of_table(&info.full_name()));
        check.kind(info);
        let name = check.table_name(info);
        let row = check.row(info);
        check.obstacles.extend(Obstacle::of_properties(&info.properties));
        check.refusals();
        match name {
            Some(name) if check.problems.is_empty() => Ok(Self {
                name,
                comment: info.comment.clone().filter(|comment| !comment.is_empty()),
                row,
                partition_columns: partition_columns(info),
                omitted_columns: check.omitted,
                skipped_columns: check.skipped,
                obstacles: check.obstacles,
                notes: check.notes,
                warnings: check.warnings,
            }),
            _ => Err(Report { table: info.full_name(), problems: check.problems }),
        }
    }
}

impl Field {
    /// A column with this name, number and SQL type: `VARCHAR(20)`, `MAP<STRING, INT> NOT NULL`.
    ///
    /// ```
    /// use zerobus_codegen::{DataType, Field, Scalar};
    ///
    /// let field = Field::of_type("name", 1, "varchar(20) not null").unwrap();
    /// assert_eq!(field, Field::required("name", 1, DataType::Scalar(Scalar::Varchar(20))));
    /// ```
    ///
    /// # Errors
    /// With every problem of the type.
    pub fn of_type(name: &str, number: i32, text: &str) -> Result<Self, Vec<Problem>> {
        let text = text.trim();
        let start = without_not_null(text);
        let root = ColumnPath::root();
        let sql_type = type_text::parse(start.unwrap_or(text)).map_err(|found| {
            vec![Problem::new(&root, found, "write an SQL type, such as VARCHAR(20) or ARRAY<INT> NOT NULL")]
        })?;
        let (none, path) = (Skip::default(), root.join(name));
        let mut check = Check::new(none.of_table(""));
        match check.data_type(&path, &sql_type, 0) {
            Some(data_type) if check.problems.is_empty() => {
                Ok(Self { name: name.to_owned(), number, data_type, nullable: start.is_none(), comment: None })
            }
            _ => Err(check.problems),
        }
    }
}

/// The text before `NOT NULL`; `None` if the text does not end with it.
fn without_not_null(text: &str) -> Option<&str> {
    let word = |text: &'_ str, word: &str| {
        let start = text.len().checked_sub(word.len())?;
        let (before, end) = text.split_at_checked(start)?;
        let is_apart = before.ends_with(|c: char| c.is_whitespace() || matches!(c, ')' | '>'));
        (is_apart && end.eq_ignore_ascii_case(word)).then(|| before.trim_end().len())
    };
    let text = text.get(..word(text, "null")?)?;
    text.get(..word(text, "not")?)
}

/// The results of the walk over a table.
struct Check<'a> {
    skip: TableSkip<'a>,
    problems: Vec<Problem>,
    notes: Vec<Note>,
    warnings: Vec<Note>,
    obstacles: Vec<Obstacle>,
    omitted: Vec<String>,
    skipped: Vec<ColumnPath>,
}

impl<'a> Check<'a> {
    const fn new(skip: TableSkip<'a>) -> Self {
        Self {
            skip,
            problems: Vec::new(),
            notes: Vec::new(),
            warnings: Vec::new(),
            obstacles: Vec::new(),
            omitted: Vec::new(),
            skipped: Vec::new(),
        }
    }

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
            let found = format!("its name `{}` has characters other than ASCII letters, digits and _", info.name);
            self.problem(&root, found, "rename the table; Zerobus accepts no other names");
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
        let mut columns = by_position(info);
        self.positions(&columns);
        columns.retain(|(_, column)| !self.skips_column(column));
        self.names(&root, columns.iter().map(|(_, column)| column.name.as_str()));
        // The exact capacity, because there may be many tables.
        let mut fields: Vec<Field> = Vec::with_capacity(columns.len());
        fields.extend(columns.iter().filter_map(|&(position, column)| self.column(position, column)));
        self.unknown_skips(info);
        self.notes.extend(conflicts::of_order(info));
        self.warnings.extend(conflicts::of_partitions(info));
        if fields.is_empty() && self.problems.is_empty() {
            self.problem(&root, "it has no column that a row can fill", "add a column that is not generated");
        }
        Struct { fields }
    }

    /// Whether `skip` omits a column.
    fn skips_column(&mut self, column: &ColumnInfo) -> bool {
        let path = ColumnPath::root().join(&column.name);
        let read = read_type(column).read.ok().and_then(|read| read.nullable);
        self.skips(&path, column.nullable.or(read).unwrap_or(true))
    }

    /// Whether `skip` omits a path. A NOT NULL column cannot be omitted.
    fn skips(&mut self, path: &ColumnPath, nullable: bool) -> bool {
        if !self.skip.has(path) {
            return false;
        }
        self.skipped.push(path.clone());
        if nullable {
            self.note(path, "left out by the option skip: rows have NULL there");
        } else {
            let found = "the option skip leaves it out, but it is NOT NULL, so the service refuses rows without it";
            self.problem(path, found, "make the column nullable, or take it out of skip");
        }
        true
    }

    /// Reports paths of `skip` that match no column.
    fn unknown_skips(&mut self, info: &TableInfo) {
        let unknown: Vec<String> = self.skip.others(&self.skipped).into_iter().map(str::to_owned).collect();
        for path in unknown {
            let names = info.columns.iter().map(|column| column.name.as_str());
            let likely = likely(&path, names).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            let found = format!("the option skip names `{path}`, which is not a column or field of the table{likely}");
            self.problem(&ColumnPath::root(), found, "correct the path in skip");
        }
    }

    /// Adds a warning for each obstacle.
    fn refusals(&mut self) {
        let warnings = self
            .obstacles
            .iter()
            .map(|obstacle| Note { path: obstacle.path(), text: format!("{obstacle}; {}", obstacle.help()) });
        self.warnings.extend(warnings);
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

    /// Checks the names of one level: each is well formed, and they are unique without regard to case.
    fn names<'n>(&mut self, parent: &ColumnPath, names: impl Iterator<Item = &'n str>) {
        let mut seen = HashSet::new();
        for name in names {
            let path = parent.join(name);
            if !is_column_name(name) {
                let found = format!("the name `{name}` is not of the form [A-Za-z_][A-Za-z0-9_]*");
                self.problem(&path, found, "rename the column; Zerobus accepts no other names");
            } else if !seen.insert(name.to_ascii_lowercase()) {
                let found = format!("the name `{name}` appears twice, without regard to case");
                self.problem(&path, found, "rename one of the two columns");
            }
        }
    }

    fn column(&mut self, position: i64, column: &ColumnInfo) -> Option<Field> {
        let path = ColumnPath::root().join(&column.name);
        let read = self.read_type(&path, column)?;
        if let Some(source) = read.metadata.source.filter(ColumnSource::is_computed) {
            let name = column.name.clone();
            self.obstacles.push(match source {
                ColumnSource::Generated(_) => Obstacle::GeneratedColumn { name },
                _ => Obstacle::IdentityColumn { name },
            });
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
            let found = format!("position {position} maps to field number {number}, which protobuf does not allow");
            self.problem(path, found, "recreate the table, so that its positions have no such gap");
            return None;
        }
        i32::try_from(number).ok()
    }

    /// Reads the column's type. If it is not from `type_json`, a warning says what is not known.
    fn read_type(&mut self, path: &ColumnPath, column: &ColumnInfo) -> Option<TypeJson> {
        let ReadType { read, origin, part } = read_type(column);
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
                    "its type_json cannot be read ({reason}), and its {} is used: whether the table computes the \
                     column, and NOT NULL of nested fields, is not known; fetch the table again",
                    part.name()
                );
                self.warning(path, text);
            }
            Origin::Text if !matches!(read.sql_type, SqlType::Named(_)) => {
                self.note(path, "type_json has no type, so NOT NULL of nested fields is not known");
            }
            Origin::Json | Origin::Text => {}
        }
        self.warnings.extend(conflicts::of_column(path, column, &read, part));
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
                let found = format!("{} inside {holder}, which Zerobus does not support", sql_type.headline());
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
            let found = format!("a MAP's key of type {}, which Zerobus does not support", sql_type.headline());
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
                let found = format!("type {}, which Zerobus does not support", name.to_uppercase());
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
            self.problem(path, "a STRUCT without fields", "add a field to the STRUCT, or drop the column");
            return None;
        }
        let mut numbered: Vec<(i32, &SqlField)> = (1..).zip(fields).collect();
        numbered.retain(|(_, field)| !self.skips(&path.join(&field.name), field.nullable));
        self.names(path, numbered.iter().map(|(_, field)| field.name.as_str()));
        if numbered.last().is_some_and(|(number, _)| *number >= FIRST_RESERVED) {
            let found =
                format!("a STRUCT of {} fields, and protobuf has no number for the {FIRST_RESERVED}th", fields.len());
            self.problem(path, found, "split the STRUCT into several, each with fewer fields");
            return None;
        }
        if numbered.is_empty() {
            self.problem(path, "a STRUCT of which every field is left out", "leave out the STRUCT itself");
        }
        let fields: Vec<Option<Field>> =
            numbered.into_iter().map(|(number, field)| self.field(path, number, field, depth)).collect();
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

/// The columns by position; a column without one has its index in the list.
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

/// Whether Zerobus accepts a column with this name: `[A-Za-z_][A-Za-z0-9_]*`.
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
            "store `{}` in one of the types that Zerobus supports, for example a STRING or a VARIANT",
            Printable(word)
        ),
    }
}
