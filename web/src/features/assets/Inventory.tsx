import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api, body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { t } from "@/i18n";
import { Ago, Empty, Loading, Problem } from "@/ui/bits";
import { TextFilter } from "@/ui/filters";
import { bytes } from "./Attributes";

const SHOWN = 200;

/** What an agent found on a machine. */
export function Inventory({ id, reported }: { id: string; reported: boolean }) {
  const [words, setWords] = useState("");
  const query = useQuery({
    queryKey: ["assets", "inventory", id],
    enabled: reported,
    queryFn: () => body(api.GET("/api/v1/assets/{id}/inventory", { params: { path: { id } } })),
  });
  if (!reported) return <None />;
  if (query.isPending) return <Loading />;
  if (query.isError) {
    if (query.error instanceof ApiProblem && query.error.status === 404) return <None />;
    return <Problem error={query.error} retry={() => void query.refetch()} />;
  }
  const { hardware, system, packages, disks, interfaces, processes, reportTime } = query.data;
  if (!reportTime) return <None />;
  const found = packages.filter(({ name }) => name.includes(words.toLowerCase()));
  return (
    <div className="figures">
      <Part title={t("inventory.system")} wide={6}>
        <dl className="facts">
          <Fact name={t("inventory.os")} value={[system?.os, system?.version].filter(Boolean).join(" ")} />
          <Fact name={t("inventory.kernel")} value={system?.kernel} />
          <Fact name={t("inventory.host")} value={system?.fqdn || system?.hostname} />
          <dt>{t("inventory.boot")}</dt>
          <dd>
            <Ago time={system?.bootTime} />
          </dd>
          <dt>{t("inventory.reported")}</dt>
          <dd>
            <Ago time={reportTime} />
          </dd>
        </dl>
      </Part>
      <Part title={t("inventory.hardware")} wide={6}>
        <dl className="facts">
          <Fact name={t("inventory.model")} value={[hardware?.vendor, hardware?.model].filter(Boolean).join(" ")} />
          <Fact name={t("inventory.cpu")} value={hardware?.cpu && `${hardware.cpu} (${hardware.cpuCount})`} />
          <Fact name={t("inventory.memory")} value={hardware && bytes(Number(hardware.memoryBytes))} />
          <Fact name={t("identifier.SERIAL")} value={hardware?.serial} />
          <Fact name={t("inventory.virtualization")} value={hardware?.virtualization} />
        </dl>
      </Part>
      <Part title={t("inventory.processes")} wide={6}>
        <Table
          head={[t("inventory.process"), t("inventory.port"), t("inventory.address")]}
          rows={processes.map(({ name, port, protocol, address }) => [name, `${port}/${protocol}`, address])}
        />
      </Part>
      <Part title={t("inventory.disks")} wide={6}>
        <Table
          head={[t("inventory.device"), t("inventory.mount"), t("inventory.size")]}
          rows={disks.map(({ device, mountPoint, filesystem, sizeBytes }) => [
            device,
            `${mountPoint} (${filesystem})`,
            bytes(Number(sizeBytes)),
          ])}
        />
      </Part>
      <Part title={t("inventory.interfaces")} wide={6}>
        <Table
          head={[t("inventory.interface"), "MAC", t("inventory.addresses")]}
          rows={interfaces.map(({ name, mac, addresses }) => [name, mac, addresses.join(", ")])}
        />
      </Part>
      <Part title={t("inventory.packages", { count: packages.length })} wide={6}>
        <TextFilter label={t("inventory.find")} value={words} onChange={setWords} />
        <Table
          head={[t("inventory.package"), t("inventory.version")]}
          rows={found.slice(0, SHOWN).map(({ name, version }) => [name, version])}
        />
        {found.length > SHOWN && <p className="muted">{t("inventory.more", { count: found.length - SHOWN })}</p>}
      </Part>
    </div>
  );
}

const None = () => (
  <Empty icon="asset" title={t("inventory.none")}>
    {t("inventory.noneText")}
  </Empty>
);

const Part = ({ title, wide, children }: { title: string; wide: 6; children: ReactNode }) => (
  <section className={`card span-${wide}`}>
    <header>
      <h2>{title}</h2>
    </header>
    <div className="body stack">{children}</div>
  </section>
);

const Fact = ({ name, value }: { name: string; value: ReactNode }) => (
  <>
    <dt>{name}</dt>
    <dd>{value || "–"}</dd>
  </>
);

function Table({ head, rows }: { head: string[]; rows: string[][] }) {
  if (rows.length === 0) return <p className="muted">{t("inventory.nothing")}</p>;
  return (
    <table className="table">
      <thead>
        <tr>
          {head.map((title) => (
            <th key={title} scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.join(" ")}>
            {row.map((cell, column) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a row's cells keep their places
              <td key={column}>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
