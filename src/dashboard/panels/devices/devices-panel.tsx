/** @module Devices: what binds, what is served, and every byte of every device over its plan. */
import { useState } from "preact/hooks";
import { formatBytes } from "../../../core/byte-size.ts";
import { type Page, usePage, useStore } from "../../page/page-state.ts";
import { stateName } from "../../page/state-name.ts";
import { TableTwin } from "../../page/table-twin.tsx";
import { connection } from "../../state/connection.ts";
import { type DeviceBar, deviceBars, type InstanceBar, type Part } from "./device-bar.ts";
import { BindingLimit, KeyFigures } from "./key-figures.tsx";
import { bytesOr, componentName, describePart, MemoryBar } from "./memory-bar.tsx";

export function DevicesPanel() {
  const page = usePage();
  const snapshot = useStore(connection.snapshot);
  if (snapshot === null) return <p class="quiet">{page.text("page.loading")}</p>;
  return (
    <>
      <BindingLimit report={snapshot.bindingLimit} />
      <KeyFigures snapshot={snapshot} />
      <section class="panel" aria-labelledby="devices-title">
        <h2 id="devices-title">{page.text("devices.title")}</h2>
        <p class="quiet">{page.text("devices.lead")}</p>
        {deviceBars(snapshot).map((bar) => (
          <Device key={bar.device.deviceId} bar={bar} />
        ))}
      </section>
    </>
  );
}

function Device({ bar }: { readonly bar: DeviceBar }) {
  const page = usePage();
  const [selected, setSelected] = useState<string | null>(null);
  const { device, parts, instances } = bar;
  const all = [...parts, ...instances.flatMap((instance) => instance.parts)];
  const part = all.find(({ key }) => key === selected);
  const summary = page.text("devices.bar", {
    device: device.name,
    actual: formatBytes(bar.heldBytes),
    total: formatBytes(device.totalBytes),
    planned: formatBytes(bar.plannedBytes),
  });
  return (
    <figure class="device">
      <figcaption>
        <strong>{device.name}</strong>
        <span class="number">
          {formatBytes(bar.heldBytes)} / {formatBytes(device.totalBytes)}
        </span>
      </figcaption>
      <MemoryBar
        label={summary}
        parts={parts}
        scaleBytes={device.totalBytes}
        selected={selected}
        onSelect={setSelected}
      />
      {instances.map((instance) => (
        <Instance
          key={instance.instance.instanceId}
          bar={instance}
          selected={selected}
          onSelect={setSelected}
        />
      ))}
      <p class="part-detail">{part === undefined ? page.text("devices.pick") : describePart(page, part)}</p>
      <Legend parts={all} />
      <TableTwin
        caption={summary}
        columns={[
          { title: page.text("figure.component") },
          { title: page.text("figure.instance") },
          { title: page.text("figure.planned"), isNumber: true },
          { title: page.text("figure.actual"), isNumber: true },
          { title: page.text("figure.evidence") },
        ]}
        rows={parts.map((each) => row(page, each))}
      />
    </figure>
  );
}

function row(page: Page, part: Part): readonly string[] {
  return [
    componentName(page, part.component),
    part.owner ?? "–",
    bytesOr(part.plannedBytes),
    bytesOr(part.actualBytes),
    page.text(`evidence.${part.evidence}`),
  ];
}

interface InstanceProps {
  readonly bar: InstanceBar;
  readonly selected: string | null;
  onSelect(key: string | null): void;
}

function Instance({ bar, selected, onSelect }: InstanceProps) {
  const page = usePage();
  const { instance, parts, plannedBytes, actualBytes } = bar;
  if (parts.length === 0) return null;
  const figures = `${bytesOr(actualBytes)} / ${bytesOr(plannedBytes)}`;
  const capBytes = instance.memory?.capBytes ?? null;
  return (
    <div class="instance-bar">
      <div class="caption">
        <span>
          {instance.instanceId}{" "}
          <span class={`state is-${instance.state}`}>{stateName(page, instance.state)}</span>
        </span>
        <span class="number">
          {figures}
          {capBytes === null ? "" : ` · ${page.text("devices.cap", { bytes: formatBytes(capBytes) })}`}
        </span>
      </div>
      <MemoryBar
        label={`${instance.instanceId}: ${figures}`}
        parts={parts}
        scaleBytes={bar.scaleBytes}
        selected={selected}
        onSelect={onSelect}
      />
    </div>
  );
}

function Legend({ parts }: { readonly parts: readonly Part[] }) {
  const page = usePage();
  const names = [...new Set(parts.map(({ component }) => component))];
  return (
    <ul class="legend" aria-hidden="true">
      {names.map((component) => (
        <li key={component}>
          <span class={`swatch is-${component}`} />
          {componentName(page, component)}
        </li>
      ))}
    </ul>
  );
}
