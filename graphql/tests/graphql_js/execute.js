// Standard input: {"sdl": text, "services": {field: value}, "cases": [{query,
// variables, operationName, response}, ...]}, each with our response as text.
// Executes the cases and prints those where our response says something else:
// another kind of refusal, other data, or errors at other paths.
const {
  GraphQLError,
  buildSchema,
  execute,
  parse,
  validate,
} = require(process.argv[2]);

const { sdl, services, cases } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const schema = buildSchema(sdl, { assumeValidSDL: true });
for (const type of [schema.getQueryType(), schema.getMutationType()]) {
  for (const field of Object.values(type.getFields())) {
    // Fields with arguments yield what they were given.
    field.resolve = (_, args, __, { fieldName }) =>
      field.args.length > 0 ? args : services[fieldName];
  }
}

const refusals = {
  graphql_syntax_error: 'syntax',
  graphql_validation_failed: 'validation',
  graphql_operation_not_found: 'request',
  graphql_variable_invalid: 'request',
};

// Input objects have no order, response objects do.
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

function told({ data, errors = [] }, query) {
  if (data === undefined) return 'request';
  const paths = errors.map(({ path }) => JSON.stringify(path)).sort();
  return JSON.stringify([/echo|must/.test(query) ? sorted(data) : data, paths]);
}

async function expected({ query, variables, operationName }) {
  let document;
  try {
    document = parse(query);
  } catch (error) {
    if (error instanceof GraphQLError) return 'syntax';
    throw error;
  }
  if (validate(schema, document).length > 0) return 'validation';
  return told(await execute({ schema, document, variableValues: variables, operationName }), query);
}

function found({ query, response }) {
  const answer = JSON.parse(response);
  if (answer.data !== undefined) return told(answer, query);
  const { code } = answer.errors[0].extensions;
  return refusals[code] ?? code;
}

(async () => {
  const differences = [];
  for (const one of cases) {
    const [theirs, ours] = [await expected(one), found(one)];
    if (theirs !== ours) differences.push({ query: one.query, variables: one.variables, theirs, ours });
  }
  process.stdout.write(JSON.stringify(differences));
})();
