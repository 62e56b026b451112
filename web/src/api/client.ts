import createClient, { type Middleware } from "openapi-fetch";
import { problemOf } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Incident = Schemas["Incident"];
export type Alert = Schemas["Alert"];
export type Asset = Schemas["Asset"];

const WRITES = new Set(["POST", "PUT", "PATCH", "DELETE"]);

let signedOut: (proofWanted: boolean) => void = () => undefined;

/** Says what happens when the gateway does not know us any more, or wants a new proof of who we are for something sensitive. */
export function onSignedOut(action: (proofWanted: boolean) => void) {
  signedOut = action;
}

const ours: Middleware = {
  onRequest({ request }) {
    if (WRITES.has(request.method)) {
      request.headers.set("x-itsm-csrf", "1");
      if (!request.headers.has("idempotency-key")) request.headers.set("idempotency-key", crypto.randomUUID());
    }
    return request;
  },
  async onResponse({ response }) {
    if (response.ok || response.status === 304) return response;
    const problem = await problemOf(response);
    if (response.status === 401) signedOut(problem.document.reason === "INSUFFICIENT_USER_AUTHENTICATION");
    throw problem;
  },
};

export const api = createClient<paths>({ baseUrl: location.origin, credentials: "same-origin" });
api.use(ours);

/** The body of an answer; every other answer has thrown `ApiProblem` before. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<T> {
  const { data } = await answer;
  if (data === undefined) throw new Error("the answer is empty");
  return data;
}

type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

/** What a request has beside its address. */
export interface Asked {
  query?: Query;
  body?: unknown;
  /** The version that the person saw: the request fails where another is there. */
  etag?: string;
  /** Another attempt of what was asked before has the same. */
  key?: string;
}

/** Asks a resource whose name is data. Where the name stands in the program, `api` knows the types. */
export async function ask<T>(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, asked: Asked = {}): Promise<T> {
  const untyped = api as unknown as { request: (method: string, path: string, init: object) => Promise<{ data?: T }> };
  const header = {
    ...(asked.etag === undefined ? {} : { "If-Match": `"${asked.etag}"` }),
    ...(asked.key === undefined ? {} : { "Idempotency-Key": asked.key }),
  };
  return body(
    untyped.request(method.toLowerCase(), `/api/v1/${path}`, { params: { query: asked.query, header }, body: asked.body }),
  );
}

/** A text in the filter language. */
export const quoted = (text: string) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

/** One page of a list. */
export interface Page<T> {
  items: T[];
  next: string;
}
