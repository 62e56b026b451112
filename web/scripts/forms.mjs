// What the administration knows of each kind of record that is configured: fields, choices, help and commands, from the
// gateway's description of itself. What the interface takes is what the form asks for, without a second list of it.
import { readFileSync, writeFileSync } from "node:fs";

const KINDS = [
  ...["slaPolicies", "calendars", "approvalPolicies", "changeTemplates", "blackouts", "automationRules", "routingRules"],
  ...["agentProfiles", "macros", "cannedReplies", "ticketTemplates", "recurringTickets", "followUpPolicies", "surveyPolicies"],
  ...["notificationRules", "templates", "mailboxes", "chatRooms", "webhooks", "integrations", "connections", "directories"],
  ...["alertRules", "checks", "maintenanceWindows", "silences", "notificationTargets", "schedules", "escalationPolicies"],
  ...[
    "assetClasses",
    "tokens",
    "triageModels",
    "imports",
    "jobs",
    "approvalDelegations",
    "catalogItems",
    "deliveries",
    "agents",
  ],
];
const PREFIX = "/api/v1/";
const REFERENCES = {
  serviceId: "assets",
  serviceIds: "assets",
  assetId: "assets",
  assetIds: "assets",
  teamId: "teams",
  teamIds: "teams",
};
const PEOPLE = /^(user|owner|assignee|member|approver|requester|receiver|person|implementer)Ids?$/;

const { paths, components } = JSON.parse(readFileSync(".build/openapi.json", "utf8"));
const { schemas } = components;
const types = {};

const nameIn = ($ref) => $ref.split("/").at(-1);
const schemaIn = (part) => part?.content?.["application/json"]?.schema;

function referred(name) {
  if (REFERENCES[name]) return REFERENCES[name];
  if (PEOPLE.test(name)) return "users";
  const stem = name.match(/^(\w+?)Ids?$/)?.[1];
  if (!stem) return undefined;
  return [`${stem}s`, stem.replace(/y$/, "ies"), `${stem}es`].find((each) => KINDS.includes(each));
}

/** How a value is asked for. */
function described(name, schema) {
  if (schema.$ref) {
    const target = schemas[nameIn(schema.$ref)];
    if (target.enum) return { t: "enum", e: target.enum.filter((each) => !each.endsWith("_UNSPECIFIED")) };
    if (target.type === "object" && target.properties) return { t: "object", o: typed(nameIn(schema.$ref)) };
    return { t: "json" };
  }
  if (schema.enum) return { t: "enum", e: schema.enum.filter((each) => !each.endsWith("_UNSPECIFIED")) };
  if (schema.type === "array") return { t: "array", a: described(name, schema.items) };
  if (schema.type === "object") {
    const each = schema.additionalProperties;
    return each?.type === "string" ? { t: "map" } : { t: "json" };
  }
  if (schema.type === "boolean") return { t: "bool" };
  if (schema.type === "integer") return { t: "int" };
  if (schema.type === "number") return { t: "number" };
  if (schema.format === "date-time") return { t: "time" };
  if (schema.format === "google-duration") return { t: "duration" };
  const of = referred(name);
  return of ? { t: "ref", o: of } : { t: "text" };
}

const fieldsOf = (schema, without = []) =>
  Object.entries(schema.properties ?? {})
    .filter(([name, field]) => !field.readOnly && !without.includes(name))
    .map(([name, field]) => ({
      n: name,
      ...described(name, field),
      ...(field.description ? { d: field.description } : {}),
      ...(schema.required?.includes(name) ? { r: 1 } : {}),
      ...(field.writeOnly ? { w: 1 } : {}),
    }));

function typed(name) {
  if (!(name in types)) {
    types[name] = []; // itself, where it holds itself
    types[name] = fieldsOf(schemas[name]);
  }
  return name;
}

const permissionOf = (operation) => operation.security?.[0]?.bearer?.[0] ?? "";

function kindOf(resources) {
  const list = paths[PREFIX + resources] ?? {};
  const one = paths[`${PREFIX + resources}/{id}`] ?? {};
  if (!list.get) return null;
  const member = schemaIn(list.get.responses["200"]);
  const answer = schemas[nameIn(member.$ref)];
  const item = schemas[nameIn(answer.properties[resources].items.$ref)];
  const verbs = Object.entries(paths)
    .filter(([path, { post }]) => post && path.startsWith(`${PREFIX + resources}/{id}:`))
    .map(([path, { post }]) => ({
      id: path.split(":").at(-1),
      d: post.summary,
      p: permissionOf(post),
      f: fieldsOf(schemas[nameIn(schemaIn(post.requestBody)?.$ref ?? "")] ?? {}, ["id", "etag"]),
    }));
  const writes = list.post && schemas[nameIn(schemaIn(list.post.requestBody).$ref)];
  const changes = one.patch && schemas[nameIn(schemaIn(one.patch.requestBody).$ref)];
  return {
    d: item.description,
    ...(writes ? { create: fieldsOf(writes), createP: permissionOf(list.post) } : {}),
    ...(changes ? { update: fieldsOf(changes).map(({ n }) => n), updateP: permissionOf(one.patch) } : {}),
    ...(one.delete ? { removeP: permissionOf(one.delete) } : {}),
    listP: permissionOf(list.get),
    states: item.properties.state?.$ref ? schemas[nameIn(item.properties.state.$ref)].enum : undefined,
    // What is told and not asked for.
    facts: Object.entries(item.properties)
      .filter(([name, field]) => field.readOnly && !["id", "etag", "state"].includes(name) && field.type !== "array")
      .map(([name, field]) => ({ n: name, ...described(name, field), d: field.description })),
    verbs,
  };
}

const kinds = Object.fromEntries(KINDS.map((each) => [each, kindOf(each)]).filter(([, kind]) => kind));
writeFileSync(".build/forms.json", JSON.stringify({ kinds, types }));
