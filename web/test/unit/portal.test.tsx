import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, test } from "vitest";
import type { Incident } from "@/api/client";
import { sized } from "@/api/files";
import { defaults, drawn, restricted, type Schema, shownAnswer, worded } from "@/portal/asking";
import type { Item } from "@/portal/data";
import { fileKey } from "@/portal/files";
import { alike, found } from "@/portal/finding";
import { Marked } from "@/portal/Marked";
import { stepsOf } from "@/portal/Ticket";
import { address } from "@/portal/way";
import { Markdown } from "@/ui/Markdown";

const html = (text: string) => renderToStaticMarkup(<Markdown text={text} />).replace(/^<div class="markdown">|<\/div>$/g, "");
const item = (title: string, category = "", description = "") => ({ title, category, description }) as Item;

describe("what is written down", () => {
  test.each([
    ["# A\n\ntwo\nlines", "<h2>A</h2><p>two\nlines</p>"],
    ["- a\n- b\n  - c\n\nd", "<ul><li>a</li><li><p>b</p><ul><li>c</li></ul></li></ul><p>d</p>"],
    ["3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'],
    ["> a\n> b", "<blockquote><p>a\nb</p></blockquote>"],
    ["```\n<b> & **c**\n```", '<pre tabindex="0"><code>&lt;b&gt; &amp; **c**</code></pre>'],
    ["a **b** *c* `d*e*`", "<p>a <strong>b</strong> <em>c</em> <code>d*e*</code></p>"],
    ["[a](/portal/x)", '<p><a href="/portal/x" rel="noreferrer">a</a></p>'],
    [
      "| a | b |\n|---|---|\n| c | d |",
      '<table class="table"><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>c</td><td>d</td></tr></tbody></table>',
    ],
    ["a\n\n---\n\nb", "<p>a</p><hr/><p>b</p>"],
  ])("%j becomes elements", (text, wanted) => {
    expect(html(text)).toBe(wanted);
  });

  test.each([
    "<script>alert(1)</script>",
    "[a](javascript:alert(1))",
    "[a](data:text/html,b)",
    "[a](//elsewhere.example)",
    "[a](/\\elsewhere.example)",
    "![a](https://elsewhere.example/a.png)",
    '<img src=x onerror="alert(1)">',
  ])("%j runs nothing, and leads and loads nowhere", (text) => {
    expect(html(text)).not.toMatch(/<script|<img|<a /);
  });

  test.each(["- ".repeat(500), "> ".repeat(500), "*a".repeat(2000), "[".repeat(3000), "- a\n".repeat(3000)])(
    "a text that means harm takes no time",
    (text) => {
      const before = performance.now();
      html(text);
      expect(performance.now() - before).toBeLessThan(5_000);
    },
  );
});

describe("what is found in the catalog", () => {
  test.each([
    ["laptop", "laptop", true],
    ["laptop", "lapotp", true],
    ["laptop", "labtop", true],
    ["laptop", "laptops", true],
    ["laptop", "aptop", true],
    ["laptop", "lpatpo", false],
    ["laptop", "desktop", false],
    ["", "", true],
  ])("%s and %s", (one, other, wanted) => {
    expect(alike(one, other)).toBe(wanted);
    expect(alike(other, one)).toBe(wanted);
  });

  test("titles come before what is said beside them, and slips of the fingers are forgiven", () => {
    const items = [item("Mouse", "Devices", "for any laptop"), item("New laptop", "Devices"), item("Écran", "Devices")];
    expect(found(items, "labtop").map(({ title }) => title)).toEqual(["New laptop", "Mouse"]);
    expect(found(items, "ecr").map(({ title }) => title)).toEqual(["Écran"]);
    expect(found(items, "x")).toEqual([]);
    expect(found(items, "?!")).toEqual([]);
  });
});

describe("a form", () => {
  const form: Schema = {
    properties: { work: { enum: ["Office", "Developer"], default: "Office" } },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema calls it so
    then: { properties: { memory: { type: "integer" } } },
    allOf: [{ dependentSchemas: { memory: { properties: { why: { title: "Why" } } } } }],
  };

  test("is drawn from all of its parts, and sends what is asked for alone", () => {
    expect([...drawn(form).keys()]).toEqual(["work", "memory", "why"]);
    expect(defaults(form)).toEqual({ work: "Office" });
    expect(restricted({ work: "Office", memory: 32 }, ["work"])).toEqual({ work: "Office" });
    expect(restricted({ memory: 32 }, undefined)).toEqual({ memory: 32 });
  });

  test("reads as a person would say it", () => {
    expect([worded("startDate"), worded("cost_center")]).toEqual(["Start date", "Cost center"]);
    expect([shownAnswer(true, "Yes", "No"), shownAnswer(["a", "b"], "", ""), shownAnswer(32, "", "")]).toEqual([
      "Yes",
      "a, b",
      "32",
    ]);
  });
});

test("what was looked for is marked where the service says, counted in characters", () => {
  const marked = (text: string, start: number, length: number) =>
    renderToStaticMarkup(
      <Marked
        text={text}
        matches={[
          { start, length },
          { start, length: 1 },
        ]}
      />,
    );
  expect(marked("😀 vpn down", 2, 3)).toBe("😀 <mark>vpn</mark> down");
  expect(marked("<b>", 0, 3)).toBe("<mark>&lt;b&gt;</mark>");
});

test("of what is written in Markdown an excerpt shows the words", () => {
  const shown = (text: string, start: number, length: number) =>
    renderToStaticMarkup(<Marked text={text} matches={[{ start, length }]} written />);
  expect(shown("## Try 1. Open **Settings** see [the list](https://example.org/a) 2 - 1", 17, 8)).toBe(
    " Try  Open <mark>Settings</mark> see the list 2  1",
  );
});

test("an address has what is asked beside, and nothing empty", () => {
  expect(address("/report", { q: "a & b", article: "" })).toBe("/portal/report?q=a+%26+b");
  expect(address("/")).toBe("/portal/");
});

test("a file has the same key wherever it stands, and one that a header takes", async () => {
  const file = (name: string, size: number) => ({ name, size, lastModified: 1 }) as File;
  const [one, same, other] = await Promise.all([
    fileKey("key", file("Größe 1.png", 1)),
    fileKey("key", file("Größe 1.png", 1)),
    fileKey("key", file("Größe 1.png", 2)),
  ]);
  expect(one).toMatch(/^[0-9a-f]{64}$/);
  expect(same).toBe(one);
  expect(other).not.toBe(one);
});

test("a size is as people read it", () => {
  expect([sized(1, "en"), sized(2_500, "en"), sized(25_000_000, "en")]).toEqual(["1 byte", "2.5 kB", "25 MB"]);
});

describe("the way of an incident", () => {
  const incident = (part: Partial<Incident>) =>
    ({ state: "NEW", holdReason: "HOLD_REASON_UNSPECIFIED", resolution: "", ...part }) as Incident;
  const done = (part: Partial<Incident>) => stepsOf(incident(part)).map((step) => step.done);

  test.each([
    ["NEW", [true, false, false, false]],
    ["ASSIGNED", [true, true, false, false]],
    ["IN_PROGRESS", [true, true, false, false]],
    ["RESOLVED", [true, true, true, true]],
    ["CLOSED", [true, true, true, true]],
    ["CANCELLED", [true, true]],
  ] as const)("%s", (state, wanted) => {
    expect(done({ state })).toEqual(wanted);
  });

  test("whom it waits for is said in words", () => {
    const steps = stepsOf(incident({ state: "ON_HOLD", holdReason: "CALLER" }));
    expect(steps[2]?.status).toBe("We wait for your answer");
  });
});
