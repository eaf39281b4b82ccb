//! The engine: a schema, its limits and its plans, asked one request at a time.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use apollo_compiler::response::JsonValue;
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use crate::aside::Aside;
use crate::budget::{Bill, Cause};
use crate::code::Code;
use crate::coerce::{Values, variables};
use crate::document::{Prepared, prepare};
use crate::error::RequestError;
use crate::execute::{Environment, Refusals, Run};
use crate::fetch::Fetch;
use crate::limits::Limits;
use crate::plan::{Conditions, FieldValue, Introspect, NodeId, Ordered, Plan, PlanCache, PlanKey, compile};
use crate::project::{Introspection, View, fails, project};
use crate::report::Report;
use crate::request::{Context, GraphqlRequest, Response};
use crate::schema::Schema;

/// Executes GraphQL requests against one schema.
#[derive(Debug, Clone)]
pub struct Engine {
    schema: Arc<Schema>,
    limits: Limits,
    plans: PlanCache,
    aside: Aside,
}

/// Longer documents are planned aside, and so are those that select more than
/// [`FEW_SELECTIONS`] once they are expanded: they may take more than a millisecond.
const SHORT_DOCUMENT: usize = 2 << 10;

/// See [`SHORT_DOCUMENT`].
const FEW_SELECTIONS: usize = 200;

/// Variables of as many values are coerced aside.
const FEW_VALUES: usize = 1000;

/// Whether an operation may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// Anything.
    Everything,
    /// Queries only.
    Queries,
}

impl Engine {
    /// An engine that keeps up to `plan_cache_size` plans; those that take more
    /// than 32 KiB of memory count as several.
    pub fn new(schema: Arc<Schema>, limits: Limits, plan_cache_size: usize) -> Self {
        Self { schema, limits, plans: PlanCache::new(plan_cache_size), aside: Aside::new() }
    }

    /// The schema that requests are executed against.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Whether its answers, and the plans it keeps, are those of this schema and these bounds.
    pub fn serves(&self, schema: &Schema, limits: &Limits) -> bool {
        self.schema.version() == schema.version() && self.limits == *limits
    }

    /// The bounds on one request.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Executes a request. Dropping the future cancels its reads; a mutation
    /// call under way finishes, and none starts after it.
    pub async fn execute(
        &self,
        request: GraphqlRequest,
        context: Context,
        fetch: Arc<dyn Fetch>,
    ) -> (Response, Report) {
        self.execute_allowed(request, context, fetch, Allowed::Everything).await
    }

    pub(crate) async fn execute_allowed(
        &self,
        request: GraphqlRequest,
        context: Context,
        fetch: Arc<dyn Fetch>,
        allowed: Allowed,
    ) -> (Response, Report) {
        let mut report = Report::default();
        let result = self.attempt(request, &context, &fetch, allowed, &mut report).await;
        let response = result.unwrap_or_else(|error| {
            report.errors = u32::try_from(error.messages.len()).unwrap_or(u32::MAX);
            report.first_error = Some(error.code.word());
            Response::refused(&error)
        });
        (response, report)
    }

    async fn attempt(
        &self,
        request: GraphqlRequest,
        context: &Context,
        fetch: &Arc<dyn Fetch>,
        allowed: Allowed,
        report: &mut Report,
    ) -> Result<Response, RequestError> {
        let began = Instant::now();
        let plan = self.plan(&request, context.deadline, report).await;
        report.planning = began.elapsed();
        let plan = plan?;
        let operation = &plan.prepared.operation;
        report.operation_type = Some(operation.operation_type.name());
        report.operation_name = operation.name.as_ref().map(|name| name.as_str().into());
        if allowed == Allowed::Queries && plan.is_mutation() {
            return Err(RequestError::of(Code::MutationByGet));
        }
        let variables = Arc::new(self.variables(&plan, request.variables, context.deadline).await?);
        let conditions = Conditions::evaluate(&plan.conditions, &variables)
            .map_err(|error| RequestError::new(Code::VariableInvalid, error.0))?;
        let refusals = Refusals::of(&plan.gates, context.identity.as_deref());
        let doomed = plan.doomed(&conditions, &refusals);
        // What is doomed calls no service.
        let bill = match doomed {
            Some(_) => Bill { cost: 1, mutations: 0 },
            None => plan.bill(Ordered {
                conditions: &conditions,
                refusals: &refusals,
                variables: &variables,
                most_calls: u32::try_from(self.limits.calls).unwrap_or(u32::MAX),
            }),
        };
        report.cost = bill.cost;
        pay(context, bill).await?;
        let introspection = self.introspect(&plan, &variables, context.deadline).await?;

        let began = Instant::now();
        let env = Environment {
            schema: &self.schema,
            limits: &self.limits,
            context,
            fetch,
            aside: &self.aside,
            variables: &variables,
            conditions: &conditions,
            refusals: &refusals,
        };
        let mut run = Run::new(&plan, env);
        match (&doomed, plan.is_mutation()) {
            (Some(_), _) => {}
            (None, true) => one_after_another(&mut run, env).await,
            (None, false) => run.run(&root_nodes(&plan)).await,
        }
        let view =
            View { plan: &plan, store: &run.store, faults: &run.faults, env, introspection: &introspection };
        let projected = project(view, doomed).await;
        report.execution = began.elapsed();
        report.fetches = std::mem::take(&mut run.fetches);
        report.unmatched_rows = run.unmatched_rows;
        report.surplus_rows = run.surplus_rows;
        report.has_data = !projected.is_null;
        report.errors = u32::try_from(projected.errors).unwrap_or(u32::MAX);
        report.first_error = projected.first_error;
        report.refused_fields = projected.refused_fields;
        Ok(Response { status: StatusCode::OK, refused: None, body: Bytes::from(projected.body) })
    }

    async fn plan(
        &self,
        request: &GraphqlRequest,
        deadline: Instant,
        report: &mut Report,
    ) -> Result<Arc<Plan>, RequestError> {
        let (document, name) = (&request.query, request.operation_name.as_deref());
        // Before hashing, which costs as much as the document is long.
        if document.len() > self.limits.document_bytes {
            return Err(RequestError::of(Code::DocumentTooLarge));
        }
        let key = PlanKey::new(self.schema.version(), name, document);
        if let Some(plan) = self.plans.get(&key) {
            report.plan_cached = true;
            return Ok(plan);
        }
        let plan = match self.plan_here(document, name) {
            Some(made) => made,
            None => {
                let (schema, limits) = (self.schema.clone(), self.limits.clone());
                let (document, name) = (document.clone(), request.operation_name.clone());
                let make = move || make_plan(&schema, &limits, &document, name.as_deref());
                self.aside.run(deadline, make).await?
            }
        };
        let plan = Arc::new(plan?);
        self.plans.insert(key, document, plan.clone());
        Ok(plan)
    }

    /// The plan of a small document, made on this thread; `None` where it is not small.
    fn plan_here(&self, document: &str, name: Option<&str>) -> Option<Result<Plan, RequestError>> {
        if document.len() > SHORT_DOCUMENT {
            return None;
        }
        let few = Limits { selections: FEW_SELECTIONS.min(self.limits.selections), ..self.limits.clone() };
        let made = make_plan(&self.schema, &few, document, name);
        let is_large = made.as_ref().is_err_and(|error| error.code == Code::TooManySelections);
        (!is_large).then_some(made)
    }

    async fn variables(
        &self,
        plan: &Arc<Plan>,
        given: Values,
        deadline: Instant,
    ) -> Result<Values, RequestError> {
        let most = self.limits.variable_values;
        let values = count(given.values(), most.saturating_add(1));
        if values > most {
            return Err(RequestError::too_many_values(most));
        }
        if values < FEW_VALUES {
            return coerced(&self.schema, plan, &given, self.limits.errors);
        }
        let (schema, plan, max_errors) = (self.schema.clone(), plan.clone(), self.limits.errors);
        self.aside.run(deadline, move || coerced(&schema, &plan, &given, max_errors)).await?
    }

    async fn introspect(
        &self,
        plan: &Arc<Plan>,
        variables: &Arc<Values>,
        deadline: Instant,
    ) -> Result<Introspection, RequestError> {
        if plan.introspection.is_none() {
            return Ok(Introspection::new());
        }
        if !self.schema.introspection_enabled() {
            return Err(RequestError::of(Code::IntrospectionDisabled));
        }
        let (schema, plan, variables) = (self.schema.clone(), plan.clone(), variables.clone());
        let max_bytes = self.limits.response_bytes;
        self.aside.run(deadline, move || introspected(&schema, &plan, &variables, max_bytes)).await?
    }

    /// Where work goes that would hold up others.
    pub(crate) fn aside(&self) -> &Aside {
        &self.aside
    }
}

/// Nothing was fetched yet.
async fn pay(context: &Context, bill: Bill) -> Result<(), RequestError> {
    let Some(budget) = &context.budget else { return Ok(()) };
    let paid = budget.take(bill).await;
    paid.map_err(|unpaid| {
        let code = match unpaid.cause {
            Cause::Spent => Code::RateLimited,
            Cause::Unavailable => Code::RateLimitUnavailable,
        };
        RequestError::new(code, unpaid.text)
    })
}

fn make_plan(
    schema: &Schema,
    limits: &Limits,
    document: &str,
    name: Option<&str>,
) -> Result<Plan, RequestError> {
    let prepared = prepare(schema.apollo(), limits, document, name)?;
    compile(schema, prepared, limits.selections)
}

fn coerced(schema: &Schema, plan: &Plan, given: &Values, max_errors: usize) -> Result<Values, RequestError> {
    let Prepared { document, operation } = &plan.prepared;
    variables(schema.apollo(), document, operation, given, max_errors)
}

fn introspected(
    schema: &Schema,
    plan: &Plan,
    variables: &Values,
    max_bytes: usize,
) -> Result<Introspection, RequestError> {
    let Some(introspect) = &plan.introspection else {
        return Ok(Introspection::new());
    };
    let answers = schema.introspect(&plan.prepared.document, &introspect.operation, variables, max_bytes)?;
    let mut answers: HashMap<String, JsonValue> = answers.into_iter().collect();
    let keys = (0..introspect.len).map(Introspect::key);
    // What conditions leave out has no answer, and is not written.
    Ok(keys.map(|key| answers.remove(&key).unwrap_or_default().to_string().into()).collect())
}

/// How many values there are, nested ones included; counted no further than `enough`.
fn count<'v>(values: impl Iterator<Item = &'v Value>, enough: usize) -> usize {
    let mut found = 0;
    for value in values {
        found += 1;
        let left = enough.saturating_sub(found);
        if left == 0 {
            break;
        }
        found += match value {
            Value::Array(items) => count(items.iter(), left),
            Value::Object(members) => count(members.values(), left),
            _ => 0,
        };
    }
    found
}

/// The root's nodes; which of them a request has, conditions say.
fn root_nodes(plan: &Plan) -> Vec<NodeId> {
    let fields = &plan.selections[plan.root].fields;
    fields
        .iter()
        .filter_map(|field| match field.value {
            FieldValue::Fetch(node) => Some(node),
            _ => None,
        })
        .collect()
}

/// Runs the root fields of a mutation in order, each to its end, until one
/// fails that must not be null.
async fn one_after_another(run: &mut Run<'_>, env: Environment<'_>) {
    let plan = run.plan;
    let root = &plan.selections[plan.root];
    for place in root.order(env.conditions) {
        let field = &root.fields[place];
        let FieldValue::Fetch(node) = field.value else {
            continue;
        };
        run.run(&[node]).await;
        let introspection = Introspection::new();
        let view = View { plan, store: &run.store, faults: &run.faults, env, introspection: &introspection };
        if !field.nullable[0] && fails(view, place).await {
            return;
        }
    }
}
