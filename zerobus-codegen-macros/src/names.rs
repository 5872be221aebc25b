//! `rename_all`: the rules that turn field names into column names and variant names into texts.

use heck::{ToKebabCase, ToLowerCamelCase, ToShoutyKebabCase, ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};
use syn::LitStr;
use zerobus_codegen::likely;

/// A spelling of names.
#[derive(Clone, Copy)]
pub(crate) enum RenameRule {
    Camel,
    Kebab,
    Lower,
    Pascal,
    ScreamingKebab,
    ScreamingSnake,
    Snake,
    Upper,
}

const RULES: [(&str, RenameRule); 8] = [
    ("camelCase", RenameRule::Camel),
    ("kebab-case", RenameRule::Kebab),
    ("lowercase", RenameRule::Lower),
    ("PascalCase", RenameRule::Pascal),
    ("SCREAMING-KEBAB-CASE", RenameRule::ScreamingKebab),
    ("SCREAMING_SNAKE_CASE", RenameRule::ScreamingSnake),
    ("snake_case", RenameRule::Snake),
    ("UPPERCASE", RenameRule::Upper),
];

impl RenameRule {
    /// The rule with this name.
    pub(crate) fn new(text: &LitStr) -> syn::Result<Self> {
        let found = text.value();
        let known = || RULES.iter().map(|(name, _)| *name);
        if let Some((_, rule)) = RULES.iter().find(|(name, _)| *name == found) {
            return Ok(*rule);
        }
        let all = known().collect::<Vec<_>>().join(", ");
        let remedy = likely(&found, known())
            .map_or_else(|| format!("expected one of: {all}"), |rule| format!("did you mean `{rule}`?"));
        Err(syn::Error::new(text.span(), format!("unknown rule `{found}`; {remedy}")))
    }

    /// Whether the rule puts dashes between words.
    pub(crate) const fn has_dashes(self) -> bool {
        matches!(self, Self::Kebab | Self::ScreamingKebab)
    }

    /// The name in this spelling.
    pub(crate) fn apply(self, name: &str) -> String {
        match self {
            Self::Camel => name.to_lower_camel_case(),
            Self::Kebab => name.to_kebab_case(),
            Self::Lower => name.to_lowercase(),
            Self::Pascal => name.to_upper_camel_case(),
            Self::ScreamingKebab => name.to_shouty_kebab_case(),
            Self::ScreamingSnake => name.to_shouty_snake_case(),
            Self::Snake => name.to_snake_case(),
            Self::Upper => name.to_uppercase(),
        }
    }
}
