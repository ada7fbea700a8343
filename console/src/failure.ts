// What went wrong, in a form that a page can show: which field, and what mends it.
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema } from './gen/google/rpc/error_details_pb';
import { t } from './texts';

export interface Failure {
  /** The name of the gRPC status, such as `ALREADY_EXISTS`. */
  status: string;
  /** Such as `NAME_TAKEN`; empty where there is none. */
  reason: string;
  /** A sentence for people. */
  message: string;
  /** By field, what is wrong with it. */
  fields: Record<string, string>;
  metadata: Record<string, string>;
}

export function asFailure(error: unknown): Failure {
  const failed = ConnectError.from(error);
  const info = failed.findDetails(ErrorInfoSchema)[0];
  const bad = failed.findDetails(BadRequestSchema)[0];
  const fields: Record<string, string> = {};
  for (const { field, description } of bad?.fieldViolations ?? []) fields[field] ??= description;
  const status = Code[failed.code].replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase();
  // A request that reached nobody comes as the browser's own words.
  const unreachable = failed.code === Code.Unknown && failed.cause instanceof TypeError;
  return {
    status: unreachable ? 'UNAVAILABLE' : status,
    reason: info?.reason ?? '',
    message: unreachable || failed.code === Code.Unavailable ? t.failures.unreachable : sentence(failed.rawMessage) || status,
    fields,
    metadata: info?.metadata ?? {},
  };
}

/** What mends a failure, where we know it better than the control plane's sentence says. */
export function remedy(failure: Failure): string | undefined {
  return (t.failures.remedies as Record<string, string>)[failure.reason] ?? (t.failures.remedies as Record<string, string>)[failure.status];
}

export function isStopped(error: unknown): boolean {
  return ConnectError.from(error).code === Code.Canceled;
}

export function sentence(text: string): string {
  const trimmed = text.trim();
  if (!trimmed) return '';
  const begun = trimmed[0]!.toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
