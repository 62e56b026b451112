// Nothing is sent from this page: it is for reading, and a write by the session of a browser belongs to the console.
window.SwaggerUIBundle({
  url: "/api/v1/openapi.json",
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
