//! How much memory a plan takes, about: what the cache of plans is bounded by.
//!
//! A document's length says little of it. Fragments expand, so a few hundred
//! bytes may select thousands of fields, and a field on an interface is planned
//! for every possible type. So what was planned is counted, and the document
//! that is kept beside it by its words, which is what its syntax tree grows with.

use std::collections::HashSet;
use std::mem::size_of;
use std::sync::Arc;

use apollo_compiler::executable::{self, SelectionSet};
use serde_json::Value;

use super::shape::{Computed, Member, Shape};
use super::{
    Condition, Field, FieldValue, Node, Occurrence, Output, Path, Place, Plan, Possible, Selection, Step,
};
use crate::coerce::{Arguments, Values};

/// Bytes of a word of the document in its syntax tree; measured.
const WORD: usize = 250;

/// Bytes of an allocation beside what is in it.
const ALLOCATION: usize = 32;

impl Plan {
    /// Bytes, about, that this plan of `document` takes.
    pub(super) fn weight(&self, document: &str) -> usize {
        let selections: usize = self.selections.iter().map(selection).sum();
        let mut seen = HashSet::new();
        let nodes: usize = self.nodes.iter().map(|at| node(at) + arguments(&at.arguments, &mut seen)).sum();
        let shapes: usize = self.shapes.iter().map(shape).sum();
        let places = self.places.len() * (size_of::<Place>() + path_steps(2));
        let conditions: usize = self.conditions.iter().map(condition).sum();
        let introspection =
            self.introspection.as_ref().map_or(0, |found| asked(&found.operation.selection_set));
        size_of::<Self>() + selections + nodes + shapes + places + conditions + introspection + text(document)
    }
}

fn text(document: &str) -> usize {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let words = document.as_bytes().split(|byte| !is_word(byte)).filter(|word| !word.is_empty());
    document.len() + words.count() * WORD
}

fn condition(condition: &Condition) -> usize {
    size_of::<Condition>() + ALLOCATION + size_of_val(condition.variables())
}

/// Copies of the fields that ask for introspection, each within as many
/// fragments as there are variables in its condition; what is within the fields
/// is the document's.
fn asked(set: &SelectionSet) -> usize {
    let within = |selection: &executable::Selection| match selection {
        executable::Selection::InlineFragment(fragment) => asked(&fragment.selection_set),
        _ => 0,
    };
    set.selections.iter().map(|selection| WORD + within(selection)).sum()
}

fn selection(selection: &Selection) -> usize {
    size_of::<Selection>() + selection.fields.iter().map(field).sum::<usize>()
}

fn field(field: &Field) -> usize {
    let value = match &field.value {
        FieldValue::Path(path) => path_steps(path.0.len()),
        _ => 0,
    };
    let output = match &field.output {
        Output::Abstract(output) => ALLOCATION + output.possible.len() * size_of::<Possible>(),
        _ => 0,
    };
    let names = 2 * (ALLOCATION + field.response_key.len());
    size_of::<Field>() + names + occurrences(&field.occurrences) + ALLOCATION + value + output
}

fn node(node: &Node) -> usize {
    let paths =
        |paths: &[Path]| paths.iter().map(|path| size_of::<Path>() + path_steps(path.0.len())).sum::<usize>();
    let parents: usize =
        node.parents.iter().map(|(names, path)| (names.len() + path.0.len()) * 3 * ALLOCATION).sum();
    size_of::<Node>()
        + occurrences(&node.occurrences)
        + paths(&node.keys)
        + paths(&node.row_keys)
        + parents
        + (node.children.len() + node.gates.len()) * size_of::<usize>()
}

/// Nodes of one field in the document share its arguments.
fn arguments(arguments: &Arguments, seen: &mut HashSet<*const u8>) -> usize {
    match arguments {
        Arguments::Constant(found) if seen.insert(Arc::as_ptr(found).cast()) => members(found),
        Arguments::Variable(given) if seen.insert(Arc::as_ptr(given).cast()) => {
            let defaults = given.iter().filter_map(|given| given.default.as_ref());
            ALLOCATION + size_of_val(&**given) + defaults.map(value).sum::<usize>()
        }
        _ => 0,
    }
}

fn shape(shape: &Shape) -> usize {
    size_of::<Shape>()
        + shape.members.len() * size_of::<Member>()
        + shape.computed.len() * (size_of::<Computed>() + ALLOCATION)
        + ALLOCATION
}

fn occurrences(found: &[Occurrence]) -> usize {
    ALLOCATION + size_of_val(found)
}

fn path_steps(len: usize) -> usize {
    ALLOCATION + len * size_of::<Step>()
}

fn members(values: &Values) -> usize {
    values.iter().map(|(name, found)| 2 * ALLOCATION + name.len() + value(found)).sum()
}

fn value(of: &Value) -> usize {
    size_of::<Value>()
        + match of {
            Value::String(text) => ALLOCATION + text.len(),
            Value::Array(items) => items.iter().map(value).sum(),
            Value::Object(found) => members(found),
            _ => 0,
        }
}
