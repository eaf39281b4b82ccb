//! Body templates: a JSON value whose leaves may be values.
//!
//! A text that is exactly `{name}` becomes the value itself, with its JSON
//! type; a text that only contains `{name}` stays a text. An object's member
//! that is undefined is left out, as GraphQL leaves out what was not given.

use std::collections::HashMap;
use std::sync::Arc;

use apollo_compiler::ast;
use serde_json::Value as Json;

use super::parse::{self, Part, Syntax};
use super::value::{Plain, Value};
use super::{ExpandError, Reference, Scope};

/// A JSON body.
#[derive(Debug, Clone)]
pub struct BodyTemplate {
    root: Node,
}

#[derive(Debug, Clone)]
enum Node {
    /// JSON text.
    Literal(Arc<str>),
    /// `"{name}"`.
    Value {
        reference: Reference,
        casing: Casing,
    },
    /// `"text {name}"`.
    Text(Vec<Part>),
    List(Vec<Node>),
    /// Members with their names as JSON text.
    Object(Vec<(Arc<str>, Node)>),
}

/// How member names of an argument's input objects are written.
#[derive(Debug, Clone)]
pub(crate) enum Casing {
    /// As the SDL has them.
    Keep,
    /// In snake_case, by the names of an input object type. Members of custom
    /// scalars are the client's and stay.
    Snake { names: Arc<InputNames>, input: usize },
}

/// The snake_case names of all input object types.
#[derive(Debug, Default)]
pub(crate) struct InputNames {
    /// By input type, and by its fields' names.
    pub inputs: Vec<HashMap<Arc<str>, InputName>>,
}

/// A field of an input object type.
#[derive(Debug)]
pub(crate) struct InputName {
    pub snake: Arc<str>,
    /// The input type of its values, if they are objects.
    pub input: Option<usize>,
}

impl BodyTemplate {
    /// Reads a GraphQL value; `casing` says how a reference's members are
    /// written. An error's offset counts from the beginning of the text it is
    /// in, and `at` is told about that text first.
    pub(crate) fn compile(
        value: &apollo_compiler::Node<ast::Value>,
        syntax: &mut Syntax<'_>,
        casing: &dyn Fn(&Reference) -> Casing,
        at: &mut dyn FnMut(&apollo_compiler::Node<ast::Value>, &mut Syntax<'_>),
    ) -> Option<Self> {
        let root = Compiler { syntax, casing, at }.node(value)?;
        Some(BodyTemplate { root })
    }

    /// The names the body uses.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        let mut found = Vec::new();
        self.root.collect(&mut found);
        found.into_iter()
    }

    /// The body's JSON text; `None` where the whole body is undefined.
    pub fn expand(&self, scope: &dyn Scope) -> Result<Option<Vec<u8>>, ExpandError> {
        let mut json = String::new();
        Ok(self.root.write(scope, &mut json)?.then(|| json.into_bytes()))
    }
}

struct Compiler<'c, 'n> {
    syntax: &'c mut Syntax<'n>,
    casing: &'c dyn Fn(&Reference) -> Casing,
    at: &'c mut dyn FnMut(&apollo_compiler::Node<ast::Value>, &mut Syntax<'_>),
}

impl Compiler<'_, '_> {
    fn node(&mut self, value: &apollo_compiler::Node<ast::Value>) -> Option<Node> {
        let node = match &**value {
            ast::Value::String(text) => Some(self.text(text)),
            ast::Value::Null => Some(Node::Literal("null".into())),
            ast::Value::Boolean(flag) => Some(Node::Literal(flag.to_string().into())),
            ast::Value::Int(number) => Some(Node::Literal(number.as_str().into())),
            ast::Value::Float(number) => Some(Node::Literal(number.as_str().into())),
            ast::Value::List(items) => {
                return Some(Node::List(items.iter().filter_map(|item| self.node(item)).collect()));
            }
            ast::Value::Object(members) => {
                return Some(Node::Object(
                    members
                        .iter()
                        .filter_map(|(name, member)| Some((quoted(name).into(), self.node(member)?)))
                        .collect(),
                ));
            }
            ast::Value::Enum(name) => {
                self.syntax.error(
                    0,
                    format!("`{name}` is not a JSON value"),
                    format!("write \"{name}\" for the text, or \"{{{name}}}\" for the value"),
                );
                None
            }
            ast::Value::Variable(name) => {
                self.syntax.error(
                    0,
                    format!("`${name}` is not a value of the schema"),
                    format!("write \"{{{name}}}\""),
                );
                None
            }
        };
        (self.at)(value, self.syntax);
        node
    }

    fn text(&mut self, text: &str) -> Node {
        let mut parts = self.syntax.parts(text);
        match &mut parts[..] {
            [Part::Value(reference)] => {
                Node::Value { casing: (self.casing)(reference), reference: reference.clone() }
            }
            [Part::Literal(text)] => Node::Literal(quoted(text).into()),
            [] => Node::Literal("\"\"".into()),
            _ => Node::Text(parts),
        }
    }
}

impl Node {
    fn collect<'n>(&'n self, found: &mut Vec<&'n Reference>) {
        match self {
            Node::Literal(_) => {}
            Node::Value { reference, .. } => found.push(reference),
            Node::Text(parts) => found.extend(parse::references(parts)),
            Node::List(items) => items.iter().for_each(|item| item.collect(found)),
            Node::Object(members) => members.iter().for_each(|(_, item)| item.collect(found)),
        }
    }

    /// Appends the node's JSON; false, and nothing appended, where it is undefined.
    fn write(&self, scope: &dyn Scope, json: &mut String) -> Result<bool, ExpandError> {
        match self {
            Node::Literal(text) => json.push_str(text),
            Node::Value { reference, casing } => match scope.value(reference) {
                Some(value) => write_value(&value, casing, json),
                None => return Ok(false),
            },
            Node::Text(parts) => write_text(parts, scope, json)?,
            Node::List(items) => {
                json.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        json.push(',');
                    }
                    // A list keeps its places.
                    if !item.write(scope, json)? {
                        json.push_str("null");
                    }
                }
                json.push(']');
            }
            Node::Object(members) => {
                json.push('{');
                let mut separator = "";
                for (name, member) in members {
                    let undo = json.len();
                    json.push_str(separator);
                    json.push_str(name);
                    json.push(':');
                    if member.write(scope, json)? {
                        separator = ",";
                    } else {
                        json.truncate(undo);
                    }
                }
                json.push('}');
            }
        }
        Ok(true)
    }
}

fn write_text(parts: &[Part], scope: &dyn Scope, json: &mut String) -> Result<(), ExpandError> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Value(reference) => {
                let missing = || ExpandError::Missing(reference.for_client());
                let value = scope.value(reference).ok_or_else(missing)?;
                match value.plain() {
                    Plain::Scalar(scalar) => text.push_str(&scalar),
                    Plain::Null => return Err(missing()),
                    Plain::List(_) | Plain::Object => {
                        return Err(ExpandError::NotScalar(reference.for_client()));
                    }
                    Plain::Broken => return Err(ExpandError::NotJson(reference.for_client())),
                }
            }
        }
    }
    json.push_str(&quoted(&text));
    Ok(())
}

fn write_value(value: &Value<'_>, casing: &Casing, json: &mut String) {
    match value {
        Value::Json(value) => match casing {
            Casing::Keep => json.push_str(&value.to_string()),
            Casing::Snake { names, input } => write_snake(value, names, Some(*input), json),
        },
        Value::Raw(text) => json.push_str(text),
        Value::Text(text) => json.push_str(&quoted(text)),
        Value::List(items) => {
            json.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    json.push(',');
                }
                write_value(item, casing, json);
            }
            json.push(']');
        }
    }
}

fn write_snake(value: &Json, names: &InputNames, input: Option<usize>, json: &mut String) {
    match (value, input) {
        (Json::Object(members), Some(input)) => {
            json.push('{');
            for (at, (name, member)) in members.iter().enumerate() {
                if at > 0 {
                    json.push(',');
                }
                let (name, inner) = match names.inputs[input].get(name.as_str()) {
                    Some(field) => (&*field.snake, field.input),
                    None => (name.as_str(), None),
                };
                json.push_str(&quoted(name));
                json.push(':');
                write_snake(member, names, inner, json);
            }
            json.push('}');
        }
        (Json::Array(items), Some(_)) => {
            json.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    json.push(',');
                }
                write_snake(item, names, input, json);
            }
            json.push(']');
        }
        _ => json.push_str(&value.to_string()),
    }
}

fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}
