// Nothing is sent from this page: it is for reading, and a write by the session of a browser belongs to the console.
const answer = await fetch("/api/v1/openapi.json");
const spec = await answer.json();
// The renderer would ask the realm to describe itself, which is another site and of no use to a reader.
const { openIdConnectUrl, description } = spec.components.securitySchemes.oidc;
spec.components.securitySchemes.oidc = { type: "http", scheme: "bearer", description: `${description}\n\n${openIdConnectUrl}` };

window.SwaggerUIBundle({
  spec,
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  displayOperationId: true,
  filter: true,
  operationsSorter: "alpha",
  supportedSubmitMethods: [],
  tagsSorter: "alpha",
  validatorUrl: null,
});
