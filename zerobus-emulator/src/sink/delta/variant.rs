//! JSON to VARIANT's binary form, unshredded, and back.

use delta_kernel::arrow::error::ArrowError;
use parquet_variant::{Variant, VariantBuilder};
use parquet_variant_json::{VariantToJson as _, append_json};
use serde_json::Value;

/// The metadata and the value.
pub(super) fn encode(json: &Value) -> Result<(Vec<u8>, Vec<u8>), ArrowError> {
    let mut builder = VariantBuilder::new();
    append_json(json, &mut builder)?;
    Ok(builder.finish())
}

pub(super) fn decode(metadata: &[u8], value: &[u8]) -> Result<Value, ArrowError> {
    Variant::try_new(metadata, value)?.to_json_value()
}
