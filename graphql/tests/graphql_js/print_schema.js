// Standard input: {"sdl": [text, ...], "introspection": result}, or nothing.
// Without input, prints the introspection query that asks for everything.
// With it, prints the SDL's schema and the introspected one, as graphql-js writes them.
const {
  buildClientSchema,
  buildSchema,
  getIntrospectionQuery,
  lexicographicSortSchema,
  printSchema,
} = require(process.argv[2]);

const input = require('fs').readFileSync(0, 'utf8');
if (input === '') {
  process.stdout.write(getIntrospectionQuery({
    descriptions: true,
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    oneOf: true,
  }));
} else {
  const { sdl, introspection } = JSON.parse(input);
  const print = (schema) => printSchema(lexicographicSortSchema(schema));
  // The gateway's own directives have no definition in the SDL.
  const expected = print(buildSchema(sdl.join('\n'), { assumeValidSDL: true }));
  const found = print(buildClientSchema(introspection));
  process.stdout.write(JSON.stringify({ expected, found }));
}
