//! Numbers of one composed API.

use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;

use super::family::Family;
use super::instrument::{Counter, Histogram};
use crate::telemetry::names::metrics as names;

/// How a GraphQL operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationResult {
    /// Without errors.
    Ok,
    /// With data and errors.
    Partial,
    /// Without data.
    Failed,
}

impl OperationResult {
    /// The word for it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            OperationResult::Ok => "ok",
            OperationResult::Partial => "partial",
            OperationResult::Failed => "failed",
        }
    }
}

/// One operation, at its end.
#[derive(Debug, Clone, Copy)]
pub struct OperationRecord {
    /// `query` or `mutation`, where the document could be read.
    pub operation_type: Option<&'static str>,
    /// How it ended.
    pub result: OperationResult,
    /// Planning and execution together.
    pub duration: Duration,
    /// Parsing, validation and planning; `None` where the plan was cached.
    pub planning: Option<Duration>,
    /// Calls that left.
    pub fetches: u64,
    /// What it costs; `None` where it was refused before anybody knew.
    pub cost: Option<u64>,
    /// Code of the first error.
    pub error: Option<&'static str>,
    /// Rows of batch answers that had no parent.
    pub unmatched_rows: u64,
    /// Further rows of a batch answer for a field that takes one.
    pub surplus_rows: u64,
}

/// One call to a service, at its end.
#[derive(Debug, Clone, Copy)]
pub struct FetchRecord<'a> {
    /// The source it went to.
    pub source: &'a str,
    /// How long it took.
    pub duration: Duration,
    /// Keys it carried.
    pub keys: u64,
    /// Whether it failed.
    pub failed: bool,
}

#[derive(Debug, Clone)]
pub(super) struct GraphqlFamilies {
    duration: Family<Histogram>,
    planning: Family<Histogram>,
    operation_fetches: Family<Histogram>,
    operation_cost: Family<Histogram>,
    fetch_duration: Family<Histogram>,
    fetch_keys: Family<Histogram>,
    plan_hits: Family<Counter>,
    plan_misses: Family<Counter>,
    errors: Family<Counter>,
    refused: Family<Counter>,
    unmatched: Family<Counter>,
    surplus: Family<Counter>,
}

impl GraphqlFamilies {
    pub(super) fn register(registry: &Registry) -> Self {
        GraphqlFamilies {
            duration: Family::register(registry, names::GRAPHQL_DURATION),
            planning: Family::register(registry, names::GRAPHQL_PLANNING),
            operation_fetches: Family::register(registry, names::GRAPHQL_OPERATION_FETCHES),
            operation_cost: Family::register(registry, names::GRAPHQL_OPERATION_COST),
            fetch_duration: Family::register(registry, names::GRAPHQL_FETCH_DURATION),
            fetch_keys: Family::register(registry, names::GRAPHQL_FETCH_KEYS),
            plan_hits: Family::register(registry, names::GRAPHQL_PLAN_HITS),
            plan_misses: Family::register(registry, names::GRAPHQL_PLAN_MISSES),
            errors: Family::register(registry, names::GRAPHQL_ERRORS),
            refused: Family::register(registry, names::GRAPHQL_FIELDS_REFUSED),
            unmatched: Family::register(registry, names::GRAPHQL_ROWS_UNMATCHED),
            surplus: Family::register(registry, names::GRAPHQL_ROWS_SURPLUS),
        }
    }
}

/// Numbers of one composed API.
///
/// An operation costs a hundred times what looking a series up costs, so
/// series with more than the API's own label are looked up.
#[derive(Debug)]
pub struct GraphqlMetrics {
    name: Box<str>,
    families: GraphqlFamilies,
    planning: Arc<Histogram>,
    operation_fetches: Arc<Histogram>,
    operation_cost: Arc<Histogram>,
    plan_hits: Arc<Counter>,
    plan_misses: Arc<Counter>,
    unmatched: Arc<Counter>,
    surplus: Arc<Counter>,
}

impl GraphqlMetrics {
    pub(super) fn new(name: &str, families: GraphqlFamilies) -> Self {
        GraphqlMetrics {
            name: name.into(),
            planning: families.planning.with(&[name]),
            operation_fetches: families.operation_fetches.with(&[name]),
            operation_cost: families.operation_cost.with(&[name]),
            plan_hits: families.plan_hits.with(&[name]),
            plan_misses: families.plan_misses.with(&[name]),
            unmatched: families.unmatched.with(&[name]),
            surplus: families.surplus.with(&[name]),
            families,
        }
    }

    /// Records an operation that has ended.
    pub fn record_operation(&self, operation: &OperationRecord) {
        let kind = operation.operation_type.unwrap_or("unknown");
        let labels = [&*self.name, kind, operation.result.as_str()];
        self.families.duration.with(&labels).observe_duration(operation.duration);
        self.operation_fetches.observe(operation.fetches);
        if let Some(cost) = operation.cost {
            self.operation_cost.observe(cost);
        }
        match operation.planning {
            Some(took) => {
                self.plan_misses.inc();
                self.planning.observe_duration(took);
            }
            None => self.plan_hits.inc(),
        }
        if let Some(code) = operation.error {
            self.families.errors.with(&[&self.name, code]).inc();
        }
        self.unmatched.add(operation.unmatched_rows);
        self.surplus.add(operation.surplus_rows);
    }

    /// Records that an operation selected a field, `Type.field`, which its caller may not read.
    pub fn refused(&self, field: &str) {
        self.families.refused.with(&[&self.name, field]).inc();
    }

    /// Records a call to a service that has ended.
    pub fn record_fetch(&self, fetch: &FetchRecord<'_>) {
        let result = if fetch.failed { "error" } else { "ok" };
        let labels = [&*self.name, fetch.source, result];
        self.families.fetch_duration.with(&labels).observe_duration(fetch.duration);
        self.families.fetch_keys.with(&[&self.name, fetch.source]).observe(fetch.keys);
    }
}
