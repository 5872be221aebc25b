//! What may be a field of a row: a value, an optional one, a collection.
