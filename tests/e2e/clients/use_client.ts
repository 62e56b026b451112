// What somebody does with types that were generated: `node use_client.js URL TOKEN CATEGORY`.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Incident = components["schemas"]["Incident"];

const [url, token, category] = process.argv.slice(2) as [string, string, string];
const client = createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${token}` } });

function given<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

const body = { title: "Made by a generated client", category, impact: "LOW", urgency: "LOW" } as const;
const key = { "Idempotency-Key": `${category}-ts` };
const made: Incident = given(await client.POST("/api/v1/incidents", { body, params: { header: key } }));
const again = given(await client.POST("/api/v1/incidents", { body, params: { header: key } }));
const listed = given(
  await client.GET("/api/v1/incidents", {
    params: { query: { filter: `category = "${category}" AND state = NEW`, pageSize: 10 } },
  }),
);
const path = { id: made.id };
const got = given(await client.GET("/api/v1/incidents/{id}", { params: { path } }));
const version = { "If-Match": `"${got.etag}"` };
const patch = { params: { path, header: version }, body: { title: "Changed by a generated client" } };
const changed = given(await client.PATCH("/api/v1/incidents/{id}", patch));
const stale = await client.PATCH("/api/v1/incidents/{id}", patch);
const wrong = await client.POST("/api/v1/incidents/{id}:resolve", {
  params: { path },
  body: { resolutionCode: "", resolution: "" },
});

// What the types must refuse; a line that is not refused is an error of the compiler.
// @ts-expect-error a change without a version
const lost = () => client.PATCH("/api/v1/incidents/{id}", { params: { path }, body: {} });
// @ts-expect-error a word that the enum does not have
const unknown: Incident["state"] = "BROKEN";
// @ts-expect-error what must be said
const silent = () => client.POST("/api/v1/incidents", { body: {} });
void [lost, unknown, silent];

process.stdout.write(
  JSON.stringify({
    id: made.id,
    again: again.id,
    listed: listed.incidents.map((each) => each.id),
    state: got.state,
    created: new Date(got.createTime ?? 0).getUTCFullYear(),
    title: changed.title,
    stale: [stale.response.status, stale.error?.type, stale.response.headers.get("etag")],
    wrong: [wrong.error?.status, wrong.error?.type, wrong.error?.errors.map((each) => each.pointer).sort()],
    etags: [got.etag, changed.etag],
  }),
);
