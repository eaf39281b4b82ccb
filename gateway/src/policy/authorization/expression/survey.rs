//! One walk over an expression: what it reads, what is wrong with it, how many steps it may take.
//!
//! A step is about one operation on one value. Loops are counted with as many rounds as there may be values, so that
//! loops within loops add up to more than is allowed; so do long chains of `+`, each of which copies.

use cel::{
    IdedExpr,
    common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, operators},
};

use super::{
    MAX_TEXT, MAX_VALUES, Parameter,
    pattern::{MATCHES, MAX_MATCHED, Pattern},
    reads::{Reads, Variable},
};

/// Steps that an expression may take: a few milliseconds at the very worst.
pub const MAX_STEPS: usize = 100_000;

/// Levels of operations within operations.
const MAX_DEPTH: usize = 32;

/// Steps to look through all the text that an expression may read.
const WHOLE_TEXT: usize = 64;

/// Steps to look through the text of a loop's variable: in all rounds together it is not more than all text.
const ONE_TEXT: usize = 4;

/// Steps to match a text of [`MAX_MATCHED`](super::pattern::MAX_MATCHED) bytes, for each KiB of the pattern: where an
/// automaton has to be made anew for nearly every byte, that takes about 0.1 ms.
const MATCH: usize = 2000;

/// The same for a part of a loop's variable: in all rounds together it is not more than all text.
const MATCH_IN_LOOP: usize = MATCH * (MAX_TEXT / MAX_MATCHED) / MAX_VALUES;

/// Steps of a `+`, which copies texts or lists.
const COPY: usize = 4000;

/// Operations that cost what their operands cost, and one step.
const PLAIN: [&str; 12] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::NOT_STRICTLY_FALSE,
    operators::NEGATE,
    operators::SUBSTRACT,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::INDEX,
    "type",
];

/// Operations that look through the text of their operands.
const ON_TEXT: [&str; 13] = [
    "bool",
    "bytes",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "int",
    "size",
    "startsWith",
    "string",
    "uint",
    operators::LESS,
    operators::GREATER,
];

/// Names of types, for `type(x) == string`.
const TYPES: [&str; 10] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

/// What the walk has found.
#[derive(Debug, Default)]
pub struct Survey {
    pub reads: Reads,
    /// Patterns of `matches`, each by the id of its literal.
    pub patterns: Vec<(u64, Pattern)>,
    /// What is wrong, each with the id of the part it is about.
    pub mistakes: Vec<(u64, String)>,
    /// Steps that it may take.
    pub steps: usize,
}

/// Walks over an expression for a route with these parameters.
pub fn survey(tree: &IdedExpr, parameters: Option<&[Parameter]>) -> Survey {
    let mut walk = Walk { found: Survey::default(), parameters, locals: Vec::new(), depth: 0 };
    let Cost { steps, .. } = walk.expression(tree);
    let mut found = walk.found;
    found.steps = steps;
    if steps > MAX_STEPS {
        let text = format!(
            "could take {steps} steps, and {MAX_STEPS} are allowed; leave out loops within loops, long chains of `+`, \
             and large patterns of `matches`"
        );
        found.mistakes.push((tree.id, text));
    }
    found
}

/// What a part of an expression takes at most.
#[derive(Debug, Clone, Copy)]
struct Cost {
    steps: usize,
    /// Values in its result, those within it included.
    size: usize,
}

impl Cost {
    const ONE: Cost = Cost { steps: 1, size: 1 };

    fn after(self, steps: usize) -> Self {
        Self { steps: self.steps.saturating_add(steps), ..self }
    }
}

/// A variable of a loop.
struct Local {
    name: String,
    size: usize,
}

struct Walk<'w> {
    found: Survey,
    parameters: Option<&'w [Parameter]>,
    locals: Vec<Local>,
    depth: usize,
}

impl Walk<'_> {
    fn wrong(&mut self, part: &IdedExpr, text: impl Into<String>) -> Cost {
        self.found.mistakes.push((part.id, text.into()));
        Cost::ONE
    }

    fn expression(&mut self, part: &IdedExpr) -> Cost {
        if self.depth == MAX_DEPTH {
            return self
                .wrong(part, format!("nests deeper than {MAX_DEPTH} levels; say it in a flatter way"));
        }
        self.depth += 1;
        let cost = self.read(part).unwrap_or_else(|| self.other(part));
        self.depth -= 1;
        cost
    }

    fn other(&mut self, part: &IdedExpr) -> Cost {
        match &part.expr {
            Expr::Literal(_) => Cost::ONE,
            Expr::Ident(name) => self.name(part, name),
            Expr::Select(SelectExpr { operand, .. }) => self.expression(operand).after(1),
            Expr::Call(call) => self.call(part, call),
            Expr::Comprehension(all) => self.comprehension(part, all),
            Expr::List(list) => self.made(&list.elements.iter().collect::<Vec<_>>()),
            Expr::Map(map) => {
                let entries = map.entries.iter().filter_map(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => Some([&entry.key, &entry.value]),
                    EntryExpr::StructField(_) => None,
                });
                self.made(&entries.flatten().collect::<Vec<_>>())
            }
            Expr::Struct(_) => self.wrong(part, "makes a message, and there are no types of messages here"),
            Expr::Unspecified => self.wrong(part, "is not an expression"),
        }
    }

    /// A list or a map that is written out: each part is copied.
    fn made(&mut self, parts: &[&IdedExpr]) -> Cost {
        let costs = parts.iter().map(|part| self.expression(part));
        costs.fold(Cost::ONE, |sum, cost| Cost {
            steps: sum.steps.saturating_add(cost.steps).saturating_add(cost.size),
            size: sum.size.saturating_add(cost.size),
        })
    }

    fn name(&mut self, part: &IdedExpr, name: &str) -> Cost {
        if let Some(local) = self.local(name) {
            return Cost { steps: 1, size: local.size };
        }
        if TYPES.contains(&name) {
            return Cost::ONE;
        }
        match name {
            "request" => {
                self.wrong(part, "`request` alone is no value; write one of its parts: `request.method`")
            }
            _ => self.wrong(
                part,
                format!("unknown variable `{name}`; there are `claims`, `scopes` and `request`"),
            ),
        }
    }

    fn local(&self, name: &str) -> Option<&Local> {
        self.locals.iter().rev().find(|local| local.name == name)
    }

    /// A given variable, as a whole.
    fn variable(&self, part: &IdedExpr) -> Option<Variable> {
        let is_free = |name: &str| self.local(name).is_none();
        match &part.expr {
            Expr::Ident(name) if name == "claims" && is_free(name) => Some(Variable::Claims),
            Expr::Ident(name) if name == "scopes" && is_free(name) => Some(Variable::Scopes),
            Expr::Select(SelectExpr { operand, field, test: false }) => match &operand.expr {
                Expr::Ident(name) if name == "request" && is_free(name) => {
                    Variable::PARTS.iter().find(|(part, _)| part == field).map(|(_, variable)| *variable)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// What a given variable is read for; `None` where this is no read of one.
    fn read(&mut self, part: &IdedExpr) -> Option<Cost> {
        if let Some(variable) = self.variable(part) {
            self.found.reads.whole(variable, self.parameters);
            let is_one = !variable.is_map() && variable != Variable::Scopes;
            return Some(Cost { steps: 1, size: if is_one { 1 } else { MAX_VALUES } });
        }
        let (of, key, is_test) = match &part.expr {
            Expr::Select(SelectExpr { operand, field, test }) => (&**operand, field.as_str(), *test),
            Expr::Call(CallExpr { func_name, args, target: None }) => match (func_name.as_str(), &args[..]) {
                (operators::INDEX, [of, key]) => (of, text(key)?, false),
                (operators::IN, [key, of]) => (of, text(key)?, true),
                _ => return None,
            },
            _ => return None,
        };
        if let Expr::Ident(name) = &of.expr
            && name == "request"
            && self.local(name).is_none()
        {
            let parts: Vec<String> = Variable::PARTS.iter().map(|(name, _)| format!("`{name}`")).collect();
            let is_part = Variable::PARTS.iter().any(|(part, _)| *part == key);
            return Some(match is_part {
                true => self.wrong(part, format!("is always there; write `request.{key}`")),
                false => self.wrong(part, format!("`request` has no `{key}`; it has {}", parts.join(", "))),
            });
        }
        let variable = self.variable(of).filter(|variable| variable.is_map())?;
        if let Err(text) = self.found.reads.member(variable, key, self.parameters) {
            return Some(self.wrong(part, text));
        }
        Some(Cost { steps: 2, size: if is_test { 1 } else { variable.member_size() } })
    }

    fn call(&mut self, part: &IdedExpr, call: &CallExpr) -> Cost {
        let CallExpr { func_name, target, args } = call;
        let name = func_name.as_str();
        let operands: Vec<&IdedExpr> = target.iter().map(|target| &**target).chain(args).collect();
        let costs: Vec<Cost> = operands.iter().map(|operand| self.expression(operand)).collect();
        let steps = costs.iter().fold(1_usize, |sum, cost| sum.saturating_add(cost.steps));
        let sizes = || costs.iter().map(|cost| cost.size);
        let (more, size) = match name {
            operators::ADD => (COPY, sizes().fold(0, usize::saturating_add)),
            operators::CONDITIONAL | operators::INDEX => (0, sizes().max().unwrap_or(1)),
            operators::EQUALS | operators::NOT_EQUALS => (sizes().min().unwrap_or(1), 1),
            operators::IN => (costs.last().map_or(1, |of| of.size), 1),
            operators::LESS_EQUALS | operators::GREATER_EQUALS => (self.text_steps(&operands), 1),
            MATCHES => (self.pattern(part, args).saturating_mul(self.match_steps(&operands)), 1),
            name if PLAIN.contains(&name) => (0, 1),
            name if ON_TEXT.contains(&name) => (self.text_steps(&operands), 1),
            _ => {
                let text = "there are `contains`, `startsWith`, `endsWith`, `matches`, `size`, `has`, `exists`, \
                            `exists_one`, `all`, `filter`, `map`, and conversions such as `string`";
                return self.wrong(part, format!("unknown function `{name}`; {text}"));
            }
        };
        Cost { steps: steps.saturating_add(more), size }
    }

    /// The first operand is the text that is looked through.
    fn text_steps(&self, operands: &[&IdedExpr]) -> usize {
        match operands.first().map(|operand| &operand.expr) {
            Some(Expr::Ident(name)) if self.local(name).is_some() => ONE_TEXT,
            Some(Expr::Literal(_)) | None => 1,
            Some(_) => WHOLE_TEXT,
        }
    }

    /// The first operand is the text that is matched; for each KiB of the pattern.
    fn match_steps(&self, operands: &[&IdedExpr]) -> usize {
        if operands.first().is_some_and(|operand| self.is_of_loop(operand)) { MATCH_IN_LOOP } else { MATCH }
    }

    /// Whether it is the variable of a loop, or a part of it: another one in each round.
    fn is_of_loop(&self, part: &IdedExpr) -> bool {
        match &part.expr {
            Expr::Ident(name) => self.local(name).is_some(),
            Expr::Select(SelectExpr { operand, .. }) => self.is_of_loop(operand),
            _ => false,
        }
    }

    /// Takes the pattern of `matches`; gives its weight.
    fn pattern(&mut self, part: &IdedExpr, args: &[IdedExpr]) -> usize {
        let Some((literal, pattern)) = args.last().and_then(|last| Some((last, text(last)?))) else {
            self.wrong(part, "the pattern of `matches` must be written out, as a text in quotes");
            return 0;
        };
        match Pattern::new(pattern) {
            Ok(pattern) => {
                let weight = pattern.weight();
                self.found.patterns.push((literal.id, pattern));
                weight
            }
            Err(error) => {
                self.wrong(literal, format!("not a regular expression: {error}"));
                0
            }
        }
    }

    fn comprehension(&mut self, part: &IdedExpr, all: &ComprehensionExpr) -> Cost {
        let ComprehensionExpr {
            iter_range, iter_var, accu_var, accu_init, loop_cond, loop_step, result, ..
        } = all;
        if ["claims", "scopes", "request"].contains(&iter_var.as_str()) {
            return self
                .wrong(part, format!("`{iter_var}` is a variable already; give the loop's another name"));
        }
        let range = self.expression(iter_range);
        let init = self.expression(accu_init);
        // An item is not more than all of them.
        self.locals.push(Local { name: iter_var.clone(), size: range.size });
        self.locals.push(Local { name: accu_var.clone(), size: 0 });
        let condition = self.expression(loop_cond);
        let step = self.step(loop_step, accu_var);
        let size = range.size.saturating_mul(step.size.max(1));
        if let Some(accumulated) = self.locals.last_mut() {
            accumulated.size = size;
        }
        let result = self.expression(result);
        self.locals.truncate(self.locals.len() - 2);
        let round = condition.steps.saturating_add(step.steps).saturating_add(1);
        let loops = range.size.saturating_mul(round);
        Cost { steps: loops, size: result.size }.after(range.steps).after(init.steps).after(result.steps)
    }

    /// A round of a loop. What `map` and `filter` add to their list is no copy of it.
    fn step(&mut self, step: &IdedExpr, accumulated: &str) -> Cost {
        if let Expr::Call(CallExpr { func_name, args, target: None }) = &step.expr {
            let is_list = |part: &IdedExpr| matches!(&part.expr, Expr::Ident(name) if name == accumulated);
            match (func_name.as_str(), &args[..]) {
                (operators::ADD, [list, added]) if is_list(list) => return self.expression(added).after(1),
                (operators::CONDITIONAL, [guard, then, otherwise]) if is_list(otherwise) => {
                    let guard = self.expression(guard);
                    return self.step(then, accumulated).after(guard.steps);
                }
                _ => {}
            }
        }
        self.expression(step)
    }
}

fn text(part: &IdedExpr) -> Option<&str> {
    match &part.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}
