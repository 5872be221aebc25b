//! Parses `#[zerobus(…)]` of structs, enums, fields and variants; each value keeps its span.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{
    Attribute, Data, DeriveInput, Expr, ExprGroup, ExprLit, Ident, Lit, LitInt, LitStr, Path, Token, parenthesized,
};
use zerobus_codegen::{Stamp, likely};

use crate::Errors;
use crate::attribute::{Item, each_item};
use crate::function::Function;
use crate::known::{CONTAINER, FIELD, Known, VARIANT};
use crate::names::RenameRule;

const FLATTEN: &str = "`flatten` is not supported: the field numbers of a struct are fixed where it is defined; \
                       nest it as a STRUCT, or write its fields here";

/// `#[zerobus(…)]` on the struct or the enum.
#[derive(Default)]
pub(crate) struct Container {
    /// `crate = path`: the path of the runtime.
    pub(crate) runtime: Option<Path>,
    /// `key`: the newtype can be the key of a MAP.
    pub(crate) key: Option<Ident>,
    /// `rename_all = "…"` and its span.
    pub(crate) rename_all: Option<(Span, RenameRule)>,
    /// `table = …`.
    pub(crate) table: Option<TableAttribute>,
    /// Whether `table` is present, even with an invalid value.
    pub(crate) has_table: bool,
    /// `unchecked`.
    pub(crate) unchecked: Option<Ident>,
    /// `column_names`: a constant for the name of each column.
    pub(crate) column_names: Option<Ident>,
    /// `setters`: a method that sets each field.
    pub(crate) setters: Option<Ident>,
    /// `generated`: zerobus-codegen generated the struct from the snapshot, so the derive does not check it again.
    pub(crate) generated: bool,
}

/// `table = "catalog.schema.table"`, or a constant.
#[derive(Clone)]
pub(crate) enum TableAttribute {
    Constant(Expr),
    Literal(LitStr),
}

/// `#[zerobus(…)]` on a field.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    /// How the field's value becomes the column's.
    pub(crate) conversion: Option<Conversion>,
    /// `name = "column"`.
    pub(crate) name: Option<LitStr>,
    /// `number = N`.
    pub(crate) number: Option<LitInt>,
    /// `skip`.
    pub(crate) skip: bool,
    /// `stamp = "producer"`: what the stream fills the column with.
    pub(crate) stamp: Option<StampAttribute>,
    /// `type = "VARCHAR(20)"`: the type of the column.
    pub(crate) sql_type: Option<LitStr>,
    /// Whether all of them are valid.
    pub(crate) good: bool,
}

/// `stamp = "…"` and its span.
#[derive(Clone, Copy)]
pub(crate) struct StampAttribute {
    pub(crate) stamp: Stamp,
    pub(crate) span: Span,
}

/// An explicit conversion from a field's value to its column.
#[derive(Clone)]
pub(crate) enum Conversion {
    /// `timestamp(unit)` and similar: to another type.
    Convert(Target),
    /// `default`, `default = path`: the value to write for `None`.
    Default(Option<Function>),
    /// `json`: any `Serialize` as a VARIANT.
    Json,
    /// `with = path`: the result of a function.
    With(Function),
}

/// The type that a value is converted to.
#[derive(Clone)]
pub(crate) enum Target {
    /// `date`: an integer of days.
    Date,
    /// `decimal(p, s)`: a decimal type of another crate.
    Decimal(LitInt, LitInt),
    /// `duration(unit)`: an integer of that unit.
    Duration(Unit),
    /// `timestamp(unit)`: an integer.
    Timestamp(Unit),
    /// `timestamp_ntz(unit)`: an integer.
    TimestampNtz(Unit),
}

/// The unit of an integer that holds a time.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Micros,
    Millis,
    Nanos,
    Secs,
}

/// Reads the attributes of a struct or an enum.
pub(crate) fn container(input: &DeriveInput, errors: &mut Errors) -> Container {
    let mut read = Container::default();
    let place = if matches!(input.data, Data::Enum(_)) { "enum" } else { "struct" };
    each_item(&input.attrs, errors, |item| {
        match item.spelling().as_str() {
            "column_names" => word(&item, &mut read.column_names)?,
            "crate" => item.set(&mut read.runtime)?,
            "generated" => item.flag(&mut read.generated)?,
            "key" => word(&item, &mut read.key)?,
            "rename_all" => {
                let text: LitStr = item.value()?;
                item.once(read.rename_all.is_none())?;
                read.rename_all = Some((text.span(), RenameRule::new(&text)?));
            }
            "setters" => word(&item, &mut read.setters)?,
            "table" => {
                read.has_table = true;
                item.set(&mut read.table)?;
            }
            "unchecked" => word(&item, &mut read.unchecked)?,
            _ => return Err(unknown(&item, place, CONTAINER)),
        }
        Ok(())
    });
    read
}

/// Reads the attributes of one field.
pub(crate) fn field(attributes: &[Attribute], errors: &mut Errors) -> FieldAttributes {
    let mut read = FieldAttributes::default();
    read.good = each_item(attributes, errors, |item| {
        match item.spelling().as_str() {
            "name" | "rename" => item.set(&mut read.name)?,
            "number" => item.set(&mut read.number)?,
            "skip" => item.flag(&mut read.skip)?,
            "stamp" => item.set(&mut read.stamp)?,
            "type" => item.set(&mut read.sql_type)?,
            name => {
                let conversion = conversion(&item, name)?;
                if read.conversion.is_some() {
                    return Err(item.error("a field can have one conversion; remove the other"));
                }
                read.conversion = Some(conversion);
            }
        }
        Ok(())
    });
    read
}

/// Reads the attributes of one variant: its text.
pub(crate) fn variant(attributes: &[Attribute], errors: &mut Errors) -> Option<LitStr> {
    let mut name = None;
    each_item(attributes, errors, |item| match item.spelling().as_str() {
        "name" | "rename" => item.set(&mut name),
        _ => Err(unknown(&item, "variant", VARIANT)),
    });
    name
}

/// Reads a flag and keeps its span.
fn word(item: &Item<'_>, slot: &mut Option<Ident>) -> syn::Result<()> {
    item.once(slot.is_none())?;
    *slot = Some(item.name.clone());
    Ok(())
}

fn conversion(item: &Item<'_>, name: &str) -> syn::Result<Conversion> {
    Ok(match name {
        "date" => Conversion::Convert(Target::Date),
        "decimal" => decimal(item.rest)?,
        "default" if item.rest.peek(Token![=]) => Conversion::Default(Some(item.value()?)),
        "default" => Conversion::Default(None),
        "duration" => Conversion::Convert(Target::Duration(unit(item)?)),
        "flatten" => return Err(item.error(FLATTEN)),
        "json" => Conversion::Json,
        "timestamp" => Conversion::Convert(Target::Timestamp(unit(item)?)),
        "timestamp_ntz" => Conversion::Convert(Target::TimestampNtz(unit(item)?)),
        "with" => Conversion::With(item.value()?),
        _ => return Err(unknown(item, "field", FIELD)),
    })
}

fn decimal(input: ParseStream<'_>) -> syn::Result<Conversion> {
    let content;
    parenthesized!(content in input);
    let precision = content.parse()?;
    content.parse::<Token![,]>()?;
    let target = Target::Decimal(precision, content.parse()?);
    content.parse::<Option<Token![,]>>()?;
    if content.is_empty() { Ok(Conversion::Convert(target)) } else { Err(content.error("expected `decimal(p, s)`")) }
}

const UNITS: [(&str, Unit); 4] =
    [("secs", Unit::Secs), ("millis", Unit::Millis), ("micros", Unit::Micros), ("nanos", Unit::Nanos)];

fn unit(item: &Item<'_>) -> syn::Result<Unit> {
    let name = item.spelling();
    let expected = format!("expected the unit: secs, millis, micros or nanos, as in {name}(millis)");
    if !item.rest.peek(syn::token::Paren) {
        return Err(item.error(expected));
    }
    let content;
    parenthesized!(content in item.rest);
    if content.is_empty() {
        return Err(item.error(expected));
    }
    let unit: Ident = content.parse()?;
    if !content.is_empty() {
        return Err(content.error(expected));
    }
    let found = unit.to_string();
    let known = UNITS.iter().find(|(name, _)| *name == found);
    known.map(|(_, unit)| *unit).ok_or_else(|| {
        let likely = match likely(&found, UNITS.map(|(name, _)| name)) {
            Some(likely) => format!("unknown unit `{found}`; did you mean `{likely}`?"),
            None => expected,
        };
        syn::Error::new(unit.span(), likely)
    })
}

/// The error for an attribute that is not in the list.
fn unknown(item: &Item<'_>, place: &str, known: &[Known]) -> syn::Error {
    let found = item.spelling();
    let elsewhere = [("struct", CONTAINER), ("field", FIELD), ("variant", VARIANT)];
    let belongs = elsewhere.iter().find(|(_, known)| known.iter().any(|known| known.name == found));
    if let Some((there, _)) = belongs {
        return item.error(format!("`{found}` is an attribute of a {there}; this is a {place}"));
    }
    let forms: Vec<&str> = known.iter().map(|known| known.form).filter(|form| !form.is_empty()).collect();
    let remedy = likely(&found, known.iter().map(|known| known.name))
        .map_or_else(|| format!("expected one of: {}", forms.join(", ")), |likely| format!("did you mean `{likely}`?"));
    item.error(format!("unknown attribute `{found}` of a {place}; {remedy}"))
}

impl Parse for StampAttribute {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let text: LitStr = input.parse()?;
        let (found, span) = (text.value(), text.span());
        if let Some(stamp) = Stamp::ALL.into_iter().find(|stamp| stamp.name() == found) {
            return Ok(Self { stamp, span });
        }
        let remedy = match likely(&found, Stamp::ALL.map(Stamp::name)) {
            Some(likely) => format!("did you mean `{likely}`?"),
            None => "expected \"producer\", \"epoch\" or \"sequence\"".to_owned(),
        };
        Err(syn::Error::new(span, format!("unknown stamp `{found}`; {remedy}")))
    }
}

impl Parse for TableAttribute {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut expression = input.parse()?;
        // A macro expands `$table:expr` to a group.
        while let Expr::Group(ExprGroup { expr, .. }) = expression {
            expression = *expr;
        }
        Ok(match expression {
            Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) => Self::Literal(literal),
            constant @ (Expr::Macro(_) | Expr::Path(_)) => Self::Constant(constant),
            other => {
                let message = "expected a name in quotes, \"catalog.schema.table\", or a constant";
                return Err(syn::Error::new_spanned(other, message));
            }
        })
    }
}

impl ToTokens for TableAttribute {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Constant(constant) => constant.to_tokens(tokens),
            Self::Literal(literal) => literal.to_tokens(tokens),
        }
    }
}
