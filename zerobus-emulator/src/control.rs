//! The emulator's own paths, beside those of the service: what tests and tools in every language use.
//!
//! | path | methods | what it is |
//! |---|---|---|
//! | `/` | GET | the page |
//! | `/emulator/health` | GET | ready, with the version |
//! | `/emulator/status` | GET | streams, tables, refusals, faults: what the page shows |
//! | `/emulator/faults` | GET, POST, DELETE | faults: listed, armed, disarmed |
//! | `/emulator/tables/{name}` | GET, PUT | a table's columns, and how much it holds; its definition, altered |
//! | `/emulator/tables/{name}/rows` | GET, POST, DELETE | a table's rows: read, stored, removed |
//! | `/emulator/tables/{name}/columns/{column}/tags` | PUT | the tags of a column |
//! | `/emulator/rows` | DELETE | the rows of all tables |
//! | `/metrics` | GET | counters, in Prometheus' format |

pub(crate) mod alter;
pub(crate) mod health;
pub(crate) mod tables;
pub(crate) mod tags;
