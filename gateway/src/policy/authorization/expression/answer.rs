//! Whether an expression can be true or false at all.
//!
//! CEL has no types for claims, so most of it is known only when a request is there. What is certain before is an
//! expression that nobody would ever pass, or that fails: `claims.role == "a" || "b"`, `1 + 1`, `request.method`.

use cel::{
    IdedExpr,
    common::ast::{CallExpr, Expr, LiteralValue, SelectExpr, operators},
};

/// What calls of functions and operators make, where it is certain.
const MADE: [(&str, &str); 12] = [
    (operators::DIVIDE, "a number"),
    (operators::MODULO, "a number"),
    (operators::MULTIPLY, "a number"),
    (operators::NEGATE, "a number"),
    (operators::SUBSTRACT, "a number"),
    (operators::ADD, "a sum"),
    ("bytes", "bytes"),
    ("double", "a number"),
    ("int", "a number"),
    ("size", "a number"),
    ("string", "a text"),
    ("uint", "a number"),
];

/// The first part that is neither true nor false where only that makes sense: its id, and what it is.
pub fn never(part: &IdedExpr) -> Option<(u64, &'static str)> {
    let is = |what| Some((part.id, what));
    match &part.expr {
        Expr::Literal(literal) => match literal {
            LiteralValue::Boolean(_) => None,
            LiteralValue::String(_) => is("a text"),
            LiteralValue::Bytes(_) => is("bytes"),
            LiteralValue::Null => is("null"),
            LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => is("a number"),
        },
        Expr::List(_) => is("a list"),
        Expr::Map(_) => is("a map"),
        Expr::Ident(name) if name == "scopes" => is("a list"),
        Expr::Ident(name) if name == "claims" => is("a map"),
        Expr::Select(SelectExpr { operand, field, test: false }) => of_request(operand, field).and_then(is),
        Expr::Call(call) => of_call(part, call),
        // `map` and `filter` begin with an empty list, `all` and `exists` with an answer.
        Expr::Comprehension(all) if matches!(all.accu_init.expr, Expr::List(_)) => is("a list"),
        _ => None,
    }
}

/// Whether the whole expression is a claim as it is, which may be anything.
pub fn is_bare_claim(part: &IdedExpr) -> bool {
    match &part.expr {
        Expr::Select(SelectExpr { operand, test: false, .. }) => leads_to_claims(operand),
        Expr::Call(CallExpr { func_name, args, target: None }) if func_name == operators::INDEX => {
            args.first().is_some_and(leads_to_claims)
        }
        _ => false,
    }
}

fn leads_to_claims(part: &IdedExpr) -> bool {
    matches!(&part.expr, Expr::Ident(name) if name == "claims") || is_bare_claim(part)
}

fn of_call(part: &IdedExpr, call: &CallExpr) -> Option<(u64, &'static str)> {
    let CallExpr { func_name, args, .. } = call;
    match func_name.as_str() {
        operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT => {
            args.iter().find_map(never)
        }
        operators::CONDITIONAL => args.iter().find_map(never),
        name => MADE.iter().find(|(made_by, _)| *made_by == name).map(|(_, what)| (part.id, *what)),
    }
}

/// What a part of the request is: `request.method`, `request.headers`, `request.headers.accept`.
fn of_request(operand: &IdedExpr, field: &str) -> Option<&'static str> {
    match &operand.expr {
        Expr::Ident(name) if name == "request" => match field {
            "path" | "query" | "headers" => Some("a map"),
            _ => Some("a text"),
        },
        Expr::Select(SelectExpr { operand, .. }) => {
            matches!(&operand.expr, Expr::Ident(name) if name == "request").then_some("a text")
        }
        _ => None,
    }
}
