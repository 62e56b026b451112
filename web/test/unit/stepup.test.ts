import { afterEach, beforeEach, expect, test } from "vitest";
import { api, onSignedOut } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { signInAddress } from "@/app/session";

const told: boolean[] = [];

beforeEach(() => {
  told.length = 0;
  onSignedOut((proofWanted) => told.push(proofWanted));
});
afterEach(() => history.replaceState(null, "", "/"));

const refused = (status: number, reason: string) => () =>
  Promise.resolve(
    new Response(JSON.stringify({ status, reason, title: "No", errors: [] }), {
      status,
      headers: { "content-type": "application/problem+json" },
    }),
  );

const ask = (status: number, reason: string) => api.GET("/api/v1/incidents", { fetch: refused(status, reason) });

test("what is sensitive asks for a new proof, a session that is over for a new sign-in, and any other refusal for nothing", async () => {
  await expect(ask(401, "INSUFFICIENT_USER_AUTHENTICATION")).rejects.toBeInstanceOf(ApiProblem);
  await expect(ask(401, "UNAUTHENTICATED")).rejects.toBeInstanceOf(ApiProblem);
  await expect(ask(403, "DENIED")).rejects.toBeInstanceOf(ApiProblem);
  expect(told).toEqual([true, false]);
});

test("the sign-in comes back to the page, and asks for the level only where a proof is wanted", () => {
  history.replaceState(null, "", "/incidents/INC0000001?tab=notes&x=1");
  const [plain, proof] = [signInAddress(), signInAddress(true)].map((address) => new URL(address, location.origin));
  for (const address of [plain, proof]) expect(address?.searchParams.get("next")).toBe("/incidents/INC0000001?tab=notes&x=1");
  expect([plain?.searchParams.get("stepUp"), proof?.searchParams.get("stepUp")]).toEqual([null, "true"]);
});
