//! Finds where in a row a value is, making the members that lead there.
//!
//! Whoever needs a value (a selection, a key, a template) asks here, so all of
//! them share members, and a body is read once for all of them.

use std::sync::Arc;

use super::compile::{At, Compiler};
use super::{NodeId, Path, Read, ShapeId, Step};
use crate::json_path::{JsonPath, Step as JsonStep};
use crate::schema::Property;

/// Where a value was found to be: the steps to it, and the shape of its
/// objects if it has any.
pub(super) struct Located {
    pub(super) path: Path,
    pub(super) child: Option<ShapeId>,
}

/// What is wanted of a value.
#[derive(Clone, Copy)]
pub(super) enum Want {
    Leaf,
    Object,
}

impl Compiler<'_> {
    pub(super) fn property(&mut self, at: At, property: &Property, want: Want) -> Located {
        let Property { name, snake } = property;
        let shape = &mut self.shapes[at.shape];
        let (member, instead, child) = match want {
            Want::Leaf => (shape.leaf(name), snake.as_ref().map(|name| shape.leaf(name)), None),
            Want::Object => {
                let known = shape.child(name).or_else(|| shape.child(snake.as_ref()?));
                let child = known.unwrap_or_else(|| self.shape(at.node));
                let shape = &mut self.shapes[at.shape];
                let instead = snake.as_ref().map(|name| shape.object(name, child));
                (shape.object(name, child), instead, Some(child))
            }
        };
        let step = Step::Member { shape: at.shape, member, instead };
        Located { path: Path([step].into()), child }
    }

    pub(super) fn json_path(&mut self, at: At, path: &JsonPath, want: Want) -> Located {
        match path {
            JsonPath::Singular(steps) if matches!(steps.first(), Some(JsonStep::Name(_))) => {
                self.steps(at.shape, at.node, steps, want)
            }
            path => {
                let (read, child) = self.read(at.node, want);
                let member = self.shapes[at.shape].compute(path.clone(), read);
                let step = Step::Member { shape: at.shape, member, instead: None };
                Located { path: Path([step].into()), child }
            }
        }
    }

    pub(super) fn members(
        &mut self,
        shape: ShapeId,
        node: Option<NodeId>,
        names: &[Arc<str>],
        want: Want,
    ) -> Located {
        let steps: Vec<JsonStep> = names.iter().cloned().map(JsonStep::Name).collect();
        self.steps(shape, node, &steps, want)
    }

    /// Makes the members that a singular path, which begins with a name, leads through.
    pub(super) fn steps(
        &mut self,
        from: ShapeId,
        node: Option<NodeId>,
        steps: &[JsonStep],
        want: Want,
    ) -> Located {
        let mut at = from;
        let mut path = Vec::with_capacity(steps.len());
        let mut child = None;
        let last_name = steps.iter().rposition(|step| matches!(step, JsonStep::Name(_)));
        for (index, step) in steps.iter().enumerate() {
            path.push(match step {
                JsonStep::Index(index) => Step::Index(*index),
                JsonStep::Name(name) if Some(index) == last_name && matches!(want, Want::Leaf) => {
                    let member = self.shapes[at].leaf(name);
                    Step::Member { shape: at, member, instead: None }
                }
                JsonStep::Name(name) => {
                    let below = self.shapes[at].child(name).unwrap_or_else(|| self.shape(node));
                    let member = self.shapes[at].object(name, below);
                    let step = Step::Member { shape: at, member, instead: None };
                    at = below;
                    child = (Some(index) == last_name).then_some(below);
                    step
                }
            });
        }
        Located { path: Path(path.into()), child }
    }

    pub(super) fn read(&mut self, node: Option<NodeId>, want: Want) -> (Read, Option<ShapeId>) {
        match want {
            Want::Leaf => (Read::Leaf, None),
            Want::Object => {
                let shape = self.shape(node);
                (Read::Object(shape), Some(shape))
            }
        }
    }
}
