import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useState } from "react";
import { createRoot } from "react-dom/client";
import { beforeEach, expect, test, vi } from "vitest";
import type { Values } from "@/records/kind";
import { meanwhile } from "@/records/meanwhile";

interface Row {
  id: string;
  etag: string;
  title: string;
  urgency: string;
}

// The other end of the wire: one record, whose versions are compared.
let row: Row;
const written: string[] = [];
const server = createServer((request, response) => {
  const given = request.headers["if-match"]?.replaceAll('"', "");
  const say = (status: number, body: object, kind = "application/json") =>
    response.writeHead(status, { "content-type": kind }).end(JSON.stringify(body));
  if (request.method === "GET") return say(200, row);
  let text = "";
  request.on("data", (part) => {
    text += part;
  });
  request.on("end", () => {
    written.push(`${given} ${text}`);
    if (given !== row.etag) return say(412, { title: "Somebody was faster", status: 412 }, "application/problem+json");
    row = { ...row, ...(JSON.parse(text) as Partial<Row>), etag: String(Number(row.etag) + 1) };
    return say(200, row);
  });
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
server.unref();
const { happyDOM } = window as unknown as { happyDOM: { setURL: (url: string) => void } };
happyDOM.setURL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
const { patch } = await import("@/records/data");
const { Conflict } = await import("@/records/meanwhile");
const { FieldsForm } = await import("@/records/FieldsForm");

const first: Row = { id: "inc_1", etag: "1", title: "as it was", urgency: "LOW" };
beforeEach(() => {
  row = { ...first };
  written.length = 0;
});

test("only what others wrote into the same fields, and otherwise, is told", () => {
  const before = { a: 1, b: [1], c: "", d: "x" };
  expect(meanwhile(before, { a: 2, b: [2], d: "y" }, { a: 3, b: [1], c: "new", d: "y" })).toEqual({ a: 3 });
  expect(meanwhile({ ...before, c: undefined }, { c: "mine" }, { c: "" }), "nothing is nothing").toEqual({});
});

test("what others wrote into other fields stays, and both changes hold", async () => {
  row = { ...row, etag: "2", urgency: "HIGH" };
  expect(await patch("incidents", first, { title: "mine" })).toEqual({ ...row, title: "mine", etag: "3", urgency: "HIGH" });
  expect(written).toHaveLength(2);
});

test("words are written over the version that was read of them, though an event told of a later one", async () => {
  row = { ...row, etag: "2", title: "theirs" };
  const half = { ...first, etag: "2", wordsEtag: "1" };
  await expect(patch("incidents", half, { title: "mine" })).rejects.toThrow(Conflict);
  expect(row.title).toBe("theirs");
  await patch("incidents", half, { urgency: "HIGH" });
  expect(written.at(-1), "what the event told is of its version").toMatch(/^2 /);
});

function Form() {
  const [from, setFrom] = useState(first);
  const submit = async (values: Values) => {
    try {
      await patch("incidents", from, values);
    } catch (error) {
      if (error instanceof Conflict) setFrom(error.present as Row);
      throw error;
    }
  };
  return (
    <FieldsForm
      fields={[{ name: "title", label: "Title", kind: "text", initial: "mine" }]}
      action="Save"
      cancel={() => undefined}
      submit={submit}
    />
  );
}

function opened() {
  const place = document.body.appendChild(document.createElement("div"));
  createRoot(place).render(
    <MantineProvider>
      <QueryClientProvider client={new QueryClient()}>
        <Form />
      </QueryClientProvider>
    </MantineProvider>,
  );
  const press = async (words: string) =>
    vi.waitFor(() => {
      const button = [...place.querySelectorAll("button")].find(({ textContent }) => textContent?.startsWith(words));
      expect(button).toBeDefined();
      button?.click();
    });
  return { place, press };
}

test("after a conflict a form shows what is there now, and the next save writes over it", async () => {
  row = { ...row, etag: "2", title: "theirs" };
  const { place, press } = opened();
  await press("Save");
  await vi.waitFor(() => expect(place.querySelector("[role=alert]")?.textContent).toContain("theirs"));
  await press("Save");
  await vi.waitFor(() => expect(row).toMatchObject({ title: "mine", etag: "3" }));
  await vi.waitFor(() => expect(place.querySelector("[role=alert]")).toBeNull());
});

test("after a conflict theirs can be taken in the place of one's own", async () => {
  row = { ...row, etag: "2", title: "theirs" };
  const { place, press } = opened();
  await press("Save");
  await press("Take theirs");
  await vi.waitFor(() => expect(place.querySelector("input")?.value).toBe("theirs"));
});
