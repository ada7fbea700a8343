// A resource of the audit: its name, and what differs between two versions of it.
import { toJson } from '@bufbuild/protobuf';
import { type Difference, type Resource, ResourceSchema } from '../gen/countersign/v1/audit_pb';
import { t } from '../texts';
import { Diff } from '../ui/diff';

/** What it is called. */
export function nameOf(resource: Resource): string {
  const { kind } = resource;
  switch (kind.case) {
    case 'environment':
    case 'apiGroup':
    case 'signatureKey':
      return kind.value.name;
    case 'api':
      return `${kind.value.apiGroupName}/${kind.value.name}`;
    case 'publication':
      return `${kind.value.apiGroupName}/${kind.value.apiName} · ${kind.value.environmentName}`;
    case 'binding':
      return `${kind.value.signatureKeyName} → ${kind.value.apiGroupName}/${kind.value.apiName} · ${kind.value.environmentName}`;
    case 'node':
      return kind.value.name;
    case 'nodeToken':
      return kind.value.node || kind.value.id.slice(0, 12);
    default:
      return '';
  }
}

export function named(difference: Difference | undefined): string {
  const resource = difference?.after ?? difference?.before;
  return resource ? nameOf(resource) : '';
}

export function Differences({ differences }: { differences: Difference[] }) {
  if (differences.length === 0) return <p class="muted">{t.audit.nothing}</p>;
  return (
    <>
      {differences.map((difference, at) => {
        const resource = (difference.after ?? difference.before)!;
        const kind = t.audit.kinds[resource.kind.case ?? ''] ?? '';
        const state = !difference.before ? t.audit.created : !difference.after ? t.audit.deleted : '';
        return (
          <div key={at} class="difference">
            <h3>{kind} {nameOf(resource)} <span class="muted">{state}</span></h3>
            <Diff label={`${kind} ${nameOf(resource)}`} before={text(difference.before)} after={text(difference.after)} />
          </div>
        );
      })}
    </>
  );
}

function text(resource: Resource | undefined): string {
  if (!resource) return '';
  const json = toJson(ResourceSchema, resource) as Record<string, unknown>;
  return lines(Object.values(json)[0] as Record<string, unknown>, '').join('\n');
}

/** What changes with every event, and what the resource is called anyway. */
const LEFT_OUT = /^(id|apiGroup|api|environment|signatureKey|(create|update|publish|bind)(Time|Revision))$/;

/** One field to a line, as a person would read it. */
function lines(value: Record<string, unknown>, within: string): string[] {
  const told = Object.entries(value).filter(([name]) => within || !LEFT_OUT.test(name));
  return told.flatMap(([name, field]) =>
    field && typeof field === 'object' && !Array.isArray(field) ? lines(field as Record<string, unknown>, `${within}${name}.`) : [`${within}${name}: ${Array.isArray(field) ? field.join(', ') : String(field).replace(/^[A-Z_]*(METHOD|MATCH_MODE|BODY_POLICY|QUERY_MODE|SIGNATURE_KEY_TYPE)_/, '')}`],
  );
}
