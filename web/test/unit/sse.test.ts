import { expect, test } from "vitest";
import { SseParser } from "@/live/sse";

const STREAM =
  'retry: 700\nid: a1\n\n: ping\nid: a2\n\nid: a3\nevent: itsm.incident.v1.IncidentOpened\ndata: {"n":\ndata: 1}\n\nevent: reset\ndata: {}\n\n';
const EVENTS = [
  { id: "a3", event: "itsm.incident.v1.IncidentOpened", data: '{"n":\n1}' },
  { id: "a3", event: "reset", data: "{}" },
];

test("a stream reads the same in whatever pieces it comes", () => {
  for (let size = 1; size <= STREAM.length; size += 1) {
    const parser = new SseParser();
    const found = [];
    for (let start = 0; start < STREAM.length; start += size) found.push(...parser.push(STREAM.slice(start, start + size)));
    expect(found).toEqual(EVENTS);
    expect([parser.id, parser.retry]).toEqual(["a3", 700]);
  }
});

test("a ping moves the cursor and tells nothing", () => {
  const parser = new SseParser();
  expect(parser.push(": ping\nid: later\n\n")).toEqual([]);
  expect(parser.id).toBe("later");
});

test("lines may end as on Windows, and a wait that is no number is passed over", () => {
  const parser = new SseParser();
  expect(parser.push("retry: soon\r\nevent: reauth\r\ndata: {}\r\n\r\n")).toEqual([{ id: "", event: "reauth", data: "{}" }]);
  expect(parser.retry).toBe(3000);
});
