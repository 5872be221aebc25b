//! The emulator's own paths beside those of the service, for tests and tools in every language.
//!
//! | path | methods | what it is |
//! |---|---|---|
//! | `/` | GET | the page |
//! | `/emulator/health` | GET | ready, with the version |
//! | `/emulator/status` | GET | streams, tables, refusals, faults: what the page shows |
//! | `/emulator/faults` | GET, POST, DELETE | faults: listed, armed, disarmed |
//! | `/emulator/tables/{name}` | GET, PUT | describes a table and its size; alters its definition |
//! | `/emulator/tables/{name}/rows` | GET, POST, DELETE | reads, stores and removes a table's rows |
//! | `/emulator/tables/{name}/columns/{column}/tags` | PUT | the tags of a column |
//! | `/emulator/rows` | DELETE | the rows of all tables |
//! | `/metrics` | GET | counters, in Prometheus' format |

pub(crate) mod alter;
pub(crate) mod health;
pub(crate) mod tables;
pub(crate) mod tags;
