//! Warns of N+1: a field that calls a service once for every item of a list.

use std::collections::{HashSet, VecDeque};

use super::super::model::{Field, Resolver, TypeId, TypeKind};
use super::super::problem::Problems;
use super::compile::Model;
use crate::template::Reference;

/// Visits what is reachable from the root types, shortest paths first, and
/// reports each unbatched call below a list once.
///
/// A call whose templates do not use the parent is the same for all parents and
/// leaves once, so it is none of these.
pub(super) fn warn(model: &Model, problems: &mut Problems) {
    let mut queue: VecDeque<(TypeId, bool, String)> = std::iter::once(model.query)
        .chain(model.mutation)
        .map(|root| (root, false, model.types[root.index()].name.to_string()))
        .collect();
    let mut seen: HashSet<(TypeId, bool)> = queue.iter().map(|(id, many, _)| (*id, *many)).collect();
    let mut reported = HashSet::new();
    while let Some((id, many, path)) = queue.pop_front() {
        for ty in concrete(model, id) {
            let Some(object) = model.types[ty.index()].as_object() else {
                continue;
            };
            for field in &object.fields {
                let path = format!("{path}.{}", field.name);
                if many && is_call_per_parent(field) && reported.insert(field.coordinate.clone()) {
                    report(model, field, &path, problems);
                }
                let many = many || field.ty.is_list();
                let next = field.ty.named();
                if seen.insert((next, many)) {
                    let brackets = if field.ty.is_list() { "[]" } else { "" };
                    queue.push_back((next, many, format!("{path}{brackets}")));
                }
            }
        }
    }
}

fn concrete(model: &Model, id: TypeId) -> Vec<TypeId> {
    match &model.types[id.index()].kind {
        TypeKind::Object(_) => vec![id],
        TypeKind::Interface(ty) | TypeKind::Union(ty) => ty.possible.clone(),
        TypeKind::Scalar(_) | TypeKind::Enum(_) | TypeKind::Input => Vec::new(),
    }
}

fn is_call_per_parent(field: &Field) -> bool {
    match &field.resolver {
        Resolver::Rest(rest) => {
            rest.batch.is_none()
                && rest.references().any(|reference| matches!(reference, Reference::Parent(_)))
        }
        _ => false,
    }
}

fn report(model: &Model, field: &Field, path: &str, problems: &mut Problems) {
    problems.warning(
        model.calls.get(&field.coordinate).and_then(|directive| directive.location()),
        format!("{}: one call for every item of {}", field.coordinate, parent_list(path)),
        "add batch: {...} to make it one call for all",
    );
}

/// `Query.users[].avatar` -> `Query.users[]`.
fn parent_list(path: &str) -> &str {
    path.rfind("[]").map_or(path, |at| &path[..at + 2])
}
