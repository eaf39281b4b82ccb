//! Collects an operation's `__schema` and `__type` into one query of their own.
//!
//! They may stand wherever a field yields the query type, in mutations too.
//! Each gets a root field of that query, wrapped in the conditions under which
//! it is selected; what is selected more than once is merged where the query is
//! executed.

use apollo_compiler::ast::{Argument, Directive, DirectiveList, OperationType, Value};
use apollo_compiler::executable::{Field, InlineFragment, Operation, Selection, SelectionSet};
use apollo_compiler::{Name, Node, name};

use super::Condition;
use super::collect::Found;

/// A query for all introspection of an operation.
#[derive(Debug)]
pub(crate) struct Introspect {
    pub(crate) operation: Operation,
    /// How many answers it has.
    pub(crate) len: usize,
}

impl Introspect {
    /// A query without fields, that takes the variables of `operation`.
    pub(super) fn new(operation: &Operation, query: Name) -> Self {
        let operation = Operation {
            operation_type: OperationType::Query,
            name: None,
            variables: operation.variables.clone(),
            directives: DirectiveList::default(),
            selection_set: SelectionSet { ty: query, selections: Vec::new() },
        };
        Self { operation, len: 0 }
    }

    /// The response key of an answer.
    pub(crate) fn key(answer: usize) -> String {
        format!("i{answer}")
    }

    /// Adds a field with all its occurrences; the number of its answer.
    pub(super) fn add(&mut self, found: &[Found<'_>]) -> usize {
        let answer = self.len;
        self.len += 1;
        let set = &mut self.operation.selection_set;
        for Found { field, condition, .. } in found {
            let mut field = Field::clone(field);
            field.alias = Some(Name::new_unchecked(&Self::key(answer)));
            set.selections.push(conditional(Selection::Field(Node::new(field)), condition, &set.ty));
        }
        answer
    }
}

fn conditional(selection: Selection, condition: &Condition, ty: &Name) -> Selection {
    condition.variables().iter().rfold(selection, |selection, (variable, wanted)| {
        let directive = Directive {
            name: if *wanted { name!("include") } else { name!("skip") },
            arguments: vec![Node::new(Argument {
                name: name!("if"),
                value: Node::new(Value::Variable(variable.clone())),
            })],
        };
        Selection::InlineFragment(Node::new(InlineFragment {
            type_condition: None,
            directives: std::iter::once(Node::new(directive)).collect(),
            selection_set: SelectionSet { ty: ty.clone(), selections: vec![selection] },
        }))
    })
}
