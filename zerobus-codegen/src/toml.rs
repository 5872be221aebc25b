//! The TOML parser that the generators supply to the options.

use serde::de::DeserializeOwned;

/// The parser of the crate `toml`.
pub(crate) struct Parser;

impl crate::Toml for Parser {
    fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
        ::toml::from_str(text).map_err(|error| error.to_string())
    }
}
