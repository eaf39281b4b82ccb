//! From SDL text to the model, collecting problems all the way.
//!
//! Our directives are taken out of the parsed schema before apollo-compiler
//! validates it: the SDL then needs no definitions of them, introspection shows
//! a plain schema, and their arguments are judged here, with messages that know
//! what they mean.

mod access;
mod amplification;
mod arguments;
mod batch;
mod compile;
mod directives;
mod names;
mod rest;

use std::sync::Arc;

use apollo_compiler::ast;
use apollo_compiler::schema::{Component, ExtendedType, FieldDefinition, SchemaBuilder};
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Node, name, ty};
use sha2::{Digest, Sha256};

use super::problem::{Problems, did_you_mean};
use super::{Loaded, Problem, Schema, SchemaOptions, SdlFile, Sources};

#[cfg(test)]
pub(crate) use arguments::ARGUMENTS;

pub(super) fn load(
    files: &[SdlFile],
    sources: &Sources,
    options: &SchemaOptions,
) -> Result<Loaded, Vec<Problem>> {
    let mut problems = Problems::new();
    let Some(mut sdl) = parse(files, &mut problems) else {
        return Err(problems.finish(options.strict).err().unwrap_or_default());
    };
    let directives = directives::take(&mut sdl, &mut problems);
    add_one_of(&mut sdl);
    let compiled = compile::compile(&sdl, &directives, sources, &mut problems);
    let valid = validate(sdl, &mut problems);
    if let Some(model) = &compiled {
        amplification::warn(model, &mut problems);
    }
    let (Some(model), Some(apollo), true) = (compiled, valid, problems.is_empty()) else {
        return Err(problems.finish(options.strict).err().unwrap_or_default());
    };
    let warnings = problems.finish(options.strict)?;
    let schema = Schema {
        implementers: apollo.implementers_map(),
        types: model.types,
        query: model.query,
        mutation: model.mutation,
        version: version(files, sources, options),
        introspection: options.introspection,
        apollo,
    };
    Ok(Loaded { schema: Arc::new(schema), warnings })
}

fn parse(files: &[SdlFile], problems: &mut Problems) -> Option<apollo_compiler::Schema> {
    if files.is_empty() {
        problems.error(None, "no schema file", "name at least one file with a `Query` type");
        return None;
    }
    let mut builder = SchemaBuilder::new();
    let mut broken = false;
    for file in files {
        match ast::Document::parser().parse_ast(&file.text, &file.name) {
            Ok(document) => {
                problems.add_sources(&document.sources);
                builder = builder.add_ast(&document);
            }
            Err(errors) => {
                broken = true;
                problems.add_sources(&errors.partial.sources);
                problems.diagnostics(&errors.errors, |_| None);
            }
        }
    }
    if broken {
        return None;
    }
    match builder.build() {
        Ok(schema) => Some(schema),
        Err(errors) => {
            problems.diagnostics(&errors.errors, |_| None);
            Some(errors.partial)
        }
    }
}

fn validate(sdl: apollo_compiler::Schema, problems: &mut Problems) -> Option<Valid<apollo_compiler::Schema>> {
    let names: Vec<String> =
        sdl.types.keys().filter(|name| !name.starts_with("__")).map(Name::to_string).collect();
    match sdl.validate() {
        Ok(valid) => Some(valid),
        Err(errors) => {
            problems.diagnostics(&errors.errors, |message| {
                if message.starts_with("missing query root") {
                    return Some("define `type Query`".to_owned());
                }
                let unknown = message.strip_prefix("cannot find type `")?.split('`').next()?;
                did_you_mean(unknown, names.iter().map(String::as_str))
            });
            None
        }
    }
}

/// `@oneOf` and `__Type.isOneOf` are younger than the edition of the
/// specification that apollo-compiler's built-ins follow.
fn add_one_of(sdl: &mut apollo_compiler::Schema) {
    let one_of = name!("oneOf");
    sdl.directive_definitions.entry(one_of.clone()).or_insert_with(|| {
        Node::new(ast::DirectiveDefinition {
            description: Some(Node::new_str(
                "Indicates exactly one field must be supplied and this field must not be `null`.",
            )),
            name: one_of,
            arguments: Vec::new(),
            repeatable: false,
            locations: vec![ast::DirectiveLocation::InputObject],
        })
    });
    if let Some(ExtendedType::Object(ty)) = sdl.types.get_mut("__Type") {
        let name = name!("isOneOf");
        let field = FieldDefinition {
            description: None,
            name: name.clone(),
            arguments: Vec::new(),
            ty: ty!(Boolean),
            directives: ast::DirectiveList::default(),
        };
        ty.make_mut().fields.insert(name, Component::new(field));
    }
}

/// A hash of everything that a plan depends on. Of a source that forwards nothing there is only the name, and that
/// stands in the SDL where it is used.
fn version(files: &[SdlFile], sources: &Sources, options: &SchemaOptions) -> u64 {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    add(&files.len().to_string());
    for file in files {
        add(&file.text);
    }
    for (name, source) in sources.0.iter().filter(|(_, source)| !source.forward.is_empty()) {
        add(name);
        add(&source.forward.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(","));
    }
    add(if options.introspection { "introspection" } else { "" });
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |version, byte| version << 8 | u64::from(*byte))
}
