/** @module What protects the server, from its options: keys, certificate, origins and limits. */
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { messageWithHint } from "../../api/error.ts";
import { PagodaError } from "../../core/errors.ts";
import { variableOf } from "../../core/options/option.ts";
import type { Environment, Values } from "../../core/options/read-options.ts";
import { AccessControl, type AccessParts } from "../../server/access/access-control.ts";
import { type ApiKey, checkedKey, parseKeyFile, plainKey } from "../../server/access/api-keys.ts";
import { Cors } from "../../server/access/cors.ts";
import type { buildApp } from "../../server/app.ts";
import { defaultConnectionLimits } from "../../server/connections/connection-ledger.ts";
import { AllowedHosts, isLoopback } from "../../server/requests/allowed-hosts.ts";
import { protectionOptions } from "../options/protection-options.ts";

type ProtectionValues = Values<typeof protectionOptions>;
type AppParts = Parameters<typeof buildApp>[0];
export type Protection = Pick<
  AppParts,
  "access" | "allowedHosts" | "connectionLimits" | "cors" | "mostWaiting" | "tls"
>;

/** The secret that a router gives its instances; with it they leave keys, certificate and origins to the router. */
export const routerKeyVariable = "PAGODA_ROUTER_KEY";

/** Variables that an instance must not see: keys of clients are the router's to check. */
export const withoutKeys = Object.fromEntries(
  [protectionOptions.apiKeys, protectionOptions.adminKeys].map((option) => [variableOf(option), undefined]),
);
/** @throws PagodaError `invalid_option` for files that cannot be read or do not fit each other. */
export function protectionOf(values: ProtectionValues, host: string, environment: Environment): Protection {
  const mostConnections = values.maxConnections?.value ?? defaultConnectionLimits.mostConnections;
  const isInstance = environment[routerKeyVariable] !== undefined;
  const origins = isInstance ? [] : (values.corsOrigins?.value ?? []);
  return {
    access: new AccessControl(accessParts(values, host, environment)),
    allowedHosts: allowedHosts(values, host, origins),
    connectionLimits: { ...defaultConnectionLimits, mostConnections },
    cors: origins.length === 0 ? null : new Cors(origins),
    mostWaiting: values.maxQueue?.value ?? null,
    tls: isInstance ? null : tlsOf(values),
  };
}

/** On SIGHUP the certificate and the file of keys are read again; what cannot be read changes nothing. */
export function reloadOnHangup(
  app: FastifyInstance,
  protection: Protection,
  given: { values: ProtectionValues; host: string; environment: Environment; logger: Logger },
): void {
  const { values, host, environment, logger } = given;
  process.on("SIGHUP", () => {
    try {
      protection.access.replace(accessParts(values, host, environment));
      const tls = tlsOf(values);
      if (
        tls !== null &&
        "setSecureContext" in app.server &&
        typeof app.server.setSecureContext === "function"
      )
        app.server.setSecureContext(tls);
      logger.info("SIGHUP: the keys and the certificate were read again");
    } catch (thrown) {
      if (!(thrown instanceof PagodaError)) throw thrown;
      logger.error(`SIGHUP: ${messageWithHint(thrown)} The former keys and certificate stay`);
    }
  });
}

/** What an administrator must hear of a server that others reach; null where nothing is wrong. */
export function exposureWarning(values: ProtectionValues, host: string): string | null {
  if (isLoopback(host) || values.apiKeys !== null || values.apiKeyFile !== null) return null;
  return `Everybody who reaches ${host} may use this server: it listens beyond this machine and has no key. Start it with --api-key, or on 127.0.0.1.`;
}

function accessParts(values: ProtectionValues, host: string, environment: Environment): AccessParts {
  const routerKey = environment[routerKeyVariable] ?? null;
  const keys = routerKey === null ? apiKeys(values) : [];
  const isolatesKeys = values.isolateKeys?.value ?? false;
  if (isolatesKeys && routerKey === null && keys.length === 0)
    throw new PagodaError("invalid_option", "--isolate-keys needs keys to separate, and no key is stated.", {
      param: "--isolate-keys",
      hint: "Add --api-key or --api-key-file, or leave it out.",
    });
  return {
    keys,
    adminKeys: (values.adminKeys?.value ?? []).map((key) => checkedKey(key, "--admin-key")),
    isLoopback: isLoopback(host),
    isolatesKeys,
    routerKey,
  };
}

function apiKeys(values: ProtectionValues): ApiKey[] {
  const stated = (values.apiKeys?.value ?? []).map((key) => plainKey(checkedKey(key, "--api-key")));
  const path = values.apiKeyFile?.value;
  return path === undefined
    ? stated
    : [...stated, ...parseKeyFile(textOf(path, "--api-key-file").toString("utf8"))];
}

function allowedHosts(
  values: ProtectionValues,
  host: string,
  origins: readonly string[],
): AllowedHosts | null {
  const stated = values.allowedHosts?.value ?? [];
  if (!isLoopback(host) && stated.length === 0) return null;
  const hostsOfOrigins = origins.flatMap((origin) => URL.parse(origin)?.hostname ?? []);
  return new AllowedHosts([host, ...stated], origins.includes("*") ? "any" : hostsOfOrigins);
}

function tlsOf({ sslCertfile, sslKeyfile }: ProtectionValues): AppParts["tls"] {
  if (sslCertfile === null && sslKeyfile === null) return null;
  if (sslCertfile === null || sslKeyfile === null)
    throw new PagodaError("invalid_option", "A certificate and its private key are needed together.", {
      hint: `Add ${sslCertfile === null ? "--ssl-certfile" : "--ssl-keyfile"}.`,
    });
  const cert = textOf(sslCertfile.value, "--ssl-certfile");
  const key = textOf(sslKeyfile.value, "--ssl-keyfile");
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw new PagodaError(
      "invalid_option",
      `${sslCertfile.value} and ${sslKeyfile.value} are not a certificate and its private key: ${reasonOf(cause)}.`,
      { hint: "Both are PEM files, and the key belongs to the first certificate.", cause },
    );
  }
  return { cert, key };
}

function textOf(path: string, flag: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new PagodaError("invalid_option", `${flag} ${path} cannot be read: ${reasonOf(cause)}.`, {
      param: flag,
      hint: "Give the path of a file that this user may read.",
      cause,
    });
  }
}

function reasonOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).replace(/\.$/, "");
}
