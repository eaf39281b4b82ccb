//! Regular expressions that are compiled when the configuration is loaded.
//!
//! CEL's `matches` takes a text and compiles it for every evaluation. So the texts, which must be literals, are taken
//! out of the tree, and a variable stands in their place that is the compiled expression.

use std::{
    any::Any,
    str::Chars,
    sync::{Arc, LazyLock},
};

use cel::{
    Env, ExecutionError, IdedExpr,
    common::{
        ast::{EntryExpr, Expr},
        types::{CelBool, CelString, STRING_TYPE, Type},
        value::{CowVal, StaticVal, Val},
    },
};
use regex::{Regex, RegexBuilder};

/// What CEL calls the function.
pub const MATCHES: &str = "matches";

/// Bytes that a compiled expression may take. What a match costs at worst grows with it.
const MAX_SIZE: usize = 16 << 10;

/// Bytes that the automaton may take that grows while an expression is used.
const MAX_AUTOMATON: usize = 256 << 10;

/// Bytes of a text that is matched.
pub const MAX_MATCHED: usize = 2 << 10;

/// What all expressions are parsed and evaluated in.
pub static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib().with_optional_support(false);
    let member = environment.add_member_overload(
        MATCHES,
        "string_matches_pattern",
        STRING_TYPE,
        vec![PATTERN],
        matches,
    );
    let function =
        environment.add_overload(MATCHES, "matches_string_pattern", vec![STRING_TYPE, PATTERN], matches);
    member.and(function).expect("no other overload has these types");
    Arc::new(environment)
});

/// A name that no expression can spell.
const PATTERN: Type = Type::new_unspecified_type("@pattern");

static PATTERN_TYPE: Type = PATTERN;

/// A compiled regular expression, as a value.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    weight: usize,
}

impl Pattern {
    /// Compiles one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = ascii_classes(text);
        let compile =
            |size: usize| RegexBuilder::new(&text).size_limit(size).dfa_size_limit(MAX_AUTOMATON).build();
        let regex = compile(MAX_SIZE).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                "it is too large once it is compiled; repeat less, and write `[a-z]` in place of `\\p{...}`"
                    .to_owned()
            }
            error => {
                let told = error.to_string();
                told.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned()
            }
        })?;
        // The library does not tell how large it is.
        let weight = [1, 2, 4, 8].into_iter().find(|size| compile(size << 10).is_ok());
        Ok(Self { regex, weight: weight.unwrap_or(MAX_SIZE >> 10) })
    }

    /// How large it is, in KiB: what a match costs at worst, for each byte of the text.
    pub fn weight(&self) -> usize {
        self.weight
    }
}

/// The same with `\w`, `\d`, `\s` and `\b` of ASCII alone, as CEL has them of RE2: those of all of Unicode are large.
fn ascii_classes(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    let (mut depth, mut rest) = (0_usize, text.chars());
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next() {
                Some(escaped) => escape(escaped, depth > 0, &mut ascii),
                None => ascii.push('\\'),
            },
            '[' => {
                depth += 1;
                ascii.push('[');
                first_of_class(&mut rest, &mut ascii);
            }
            _ => {
                depth = depth.saturating_sub(usize::from(character == ']'));
                ascii.push(character);
            }
        }
    }
    ascii
}

fn escape(escaped: char, in_class: bool, into: &mut String) {
    let class = match escaped {
        'w' => "[:word:]",
        'W' => "[:^word:]",
        'd' => "[:digit:]",
        'D' => "[:^digit:]",
        's' => "[:space:]",
        'S' => "[:^space:]",
        'b' | 'B' if !in_class => {
            return into.extend([r"(?-u:\", if escaped == 'b' { "b" } else { "B" }, ")"]);
        }
        _ => return into.extend(['\\', escaped]),
    };
    match in_class {
        true => into.push_str(class),
        false => into.extend(["[", class, "]"]),
    }
}

/// `]` at the beginning of a class is one of its characters.
fn first_of_class(rest: &mut Chars<'_>, into: &mut String) {
    for wanted in ['^', ']'] {
        if rest.as_str().starts_with(wanted) {
            into.extend(rest.next());
        }
    }
}

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        &PATTERN_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}

fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [text, pattern] = &arguments[..] else { return Err(ExecutionError::missing_argument_or_target()) };
    match (text.downcast_ref::<CelString>(), pattern.downcast_ref::<Pattern>()) {
        (Some(text), Some(_)) if text.inner().len() > MAX_MATCHED => {
            Err(ExecutionError::function_error(MATCHES, "the text is too long"))
        }
        (Some(text), Some(pattern)) => Ok(CowVal::owned(CelBool::from(pattern.regex.is_match(text.inner())))),
        _ => Err(ExecutionError::missing_argument_or_target()),
    }
}

/// The variable that stands for a pattern.
fn variable(number: usize) -> String {
    format!("@pattern{number}")
}

/// The number of the pattern that a variable stands for.
pub fn number(variable: &str) -> Option<usize> {
    variable.strip_prefix("@pattern")?.parse().ok()
}

/// Puts variables in the place of literals, of which each is the id and what it is compiled to.
pub fn take(tree: &mut IdedExpr, found: Vec<(u64, Pattern)>) -> Vec<Pattern> {
    let (ids, patterns): (Vec<u64>, Vec<Pattern>) = found.into_iter().unzip();
    if !ids.is_empty() {
        replace(tree, &ids);
    }
    patterns
}

fn replace(tree: &mut IdedExpr, ids: &[u64]) {
    if let Some(number) = ids.iter().position(|id| *id == tree.id) {
        tree.expr = Expr::Ident(variable(number));
        return;
    }
    match &mut tree.expr {
        Expr::Call(call) => call
            .target
            .iter_mut()
            .map(|target| &mut **target)
            .chain(&mut call.args)
            .for_each(|child| replace(child, ids)),
        Expr::Comprehension(all) => {
            let cel::common::ast::ComprehensionExpr {
                iter_range,
                accu_init,
                loop_cond,
                loop_step,
                result,
                ..
            } = &mut **all;
            [iter_range, accu_init, loop_cond, loop_step, result]
                .into_iter()
                .for_each(|child| replace(child, ids));
        }
        Expr::List(list) => list.elements.iter_mut().for_each(|child| replace(child, ids)),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    replace(&mut entry.key, ids);
                    replace(&mut entry.value, ids);
                }
            }
        }
        Expr::Select(select) => replace(&mut select.operand, ids),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
}
