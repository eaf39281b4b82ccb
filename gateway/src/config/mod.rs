//! The configuration: from a file to [`Checked`], or to every problem in it at once.
//!
//! ```text
//! load.rs   reads the file and all it names          -> text, hashes
//! tree/     YAML with places, ${ENV}                 -> Tree
//! de/       typed sections, all errors collected     -> Config (what was written)
//! check/    cross-references, files, defaults merged -> Checked (what can run)
//! ```
//!
//! [`Config`] is put together in `file.rs` from sections that belong to their owners. Around it: the JSON Schema and
//! the reference made from it (`schema.rs`, `reference.rs`), and `watch.rs`, which tells when a file has changed.
//! Nothing here starts anything; a snapshot is built from [`Checked`] elsewhere.

pub(crate) mod check;
mod de;
mod error;
mod file;
mod graphql;
mod inputs;
mod load;
mod masking;
mod reference;
mod schema;
mod snippet;
mod suggest;
mod tree;
mod watch;

pub use check::{Checked, ids_of_keys};
pub use error::{ConfigErrors, Problem, Severity, render_all};
pub use file::Config;
pub use inputs::Inputs;
pub use load::{load, load_with};
pub use reference::reference;
pub use schema::schema_json;
pub use tree::Environment;
pub use watch::Watch;
