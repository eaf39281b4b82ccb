// Keys and tokens as an issuer in JavaScript makes them. Arguments: the package, and the claims as JSON. Prints
// `{ jwks, tokens, forged }`: a set with a key for each algorithm, a token by each key, and one by another key of the
// same name.
import { pathToFileURL } from "node:url";

const [, , library, claims] = process.argv;
const { SignJWT, exportJWK, generateKeyPair, generateSecret } = await import(
  pathToFileURL(`${library}/dist/webapi/index.js`)
);

const algorithms = ["RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256"];
const made = { jwks: { keys: [] }, tokens: {}, forged: {} };

const pair = async (alg) => {
  if (alg.startsWith("HS")) {
    const secret = await generateSecret(alg, { extractable: true });
    return { publicKey: secret, privateKey: secret };
  }
  return generateKeyPair(alg, { extractable: true });
};

const sign = (alg, key) =>
  new SignJWT(JSON.parse(claims))
    .setProtectedHeader({ alg, kid: alg, typ: "JWT" })
    .setIssuedAt()
    .setExpirationTime("10m")
    .sign(key);

for (const alg of algorithms) {
  const own = await pair(alg);
  const jwk = await exportJWK(own.publicKey);
  made.jwks.keys.push({ ...jwk, kid: alg, alg, use: "sig" });
  made.tokens[alg] = await sign(alg, own.privateKey);
  made.forged[alg] = await sign(alg, (await pair(alg)).privateKey);
}
console.log(JSON.stringify(made));
