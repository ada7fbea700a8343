// How a request finds an API: method and path.
import { type ApiDefinition, MatchMode, Method } from '../gen/countersign/v1/api_pb';

export function Route({ definition }: { definition: Pick<ApiDefinition, 'method' | 'path' | 'matchMode'> | undefined }) {
  if (!definition) return null;
  return (
    <span class="route">
      <span class={`method ${Method[definition.method].toLowerCase()}`}>{Method[definition.method]}</span>
      <code>{definition.path}{definition.matchMode === MatchMode.SWA ? '/…' : ''}</code>
    </span>
  );
}
