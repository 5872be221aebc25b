//! What may stand in a column, and which column type it is.
