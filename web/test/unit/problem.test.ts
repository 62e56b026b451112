import { expect, test } from "vitest";
import { asProblem, problemOf } from "@/api/problem";

test("a problem document is kept with the names it is found by", async () => {
  const document = {
    type: "urn:itsm:problem:validation",
    title: "No",
    status: 422,
    detail: "d",
    errors: [{ pointer: "/title", message: "is required" }],
    requestId: "r",
    traceId: "t",
  };
  const problem = await problemOf(
    new Response(JSON.stringify(document), { status: 422, headers: { "content-type": "application/problem+json" } }),
  );
  expect(asProblem(problem)).toMatchObject({ requestId: "r", traceId: "t", status: 422 });
  expect([problem.field("title"), problem.field("state")]).toEqual(["is required", ""]);
});

test("what a proxy answers in our place, and what does not answer at all, are problems too", async () => {
  const foreign = await problemOf(
    new Response("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway", headers: { "content-type": "text/html" } }),
  );
  expect(asProblem(foreign)).toMatchObject({ status: 502, reason: "FOREIGN" });
  expect(asProblem(new TypeError("Failed to fetch"))).toMatchObject({
    status: 0,
    reason: "UNREACHABLE",
    detail: "Failed to fetch",
  });
});
